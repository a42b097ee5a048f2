#!/usr/bin/env bash
# grpcio 1.85.1: cancelling a stream, or its deadline, drops messages that have arrived and were not read.
#
# A stream of ten messages, all of which are on the client's side; it reads one. If the server ends the call
# with an error, the other nine are still read before the error is raised. If the client cancels, or the
# deadline passes, they are gone: the next read raises. So a reader that wants to stop after what it has got
# must read on first, and a deadline is no way to end a bounded read.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
ended by the server: 10 read, then ABORTED
cancelled: 1 read, then CANCELLED
deadline: 1 read, then DEADLINE_EXCEEDED
EOF
venv/bin/python - <<'EOF' | tee actual
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

print("grpcio", grpc.__version__)


def send_ten(request, context):
    over = threading.Event()
    context.add_callback(over.set)
    for number in range(10):
        yield b"%d" % number
    if request == b"end":
        context.abort(grpc.StatusCode.ABORTED, "made up")
    over.wait()


server = grpc.server(ThreadPoolExecutor(4))
method = grpc.unary_stream_rpc_method_handler(send_ten)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("made.Up", {"Get": method})])
address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()
for how in ("ended by the server", "cancelled", "deadline"):
    with grpc.insecure_channel(address) as channel:
        request = b"end" if how.startswith("ended") else b""
        call = channel.unary_stream("/made.Up/Get")(request, timeout=2 if how == "deadline" else 60)
        messages = [next(call)]
        time.sleep(3)  # long enough for all to arrive, and for the deadline to pass
        if how == "cancelled":
            call.cancel()
        try:
            messages.extend(call)
        except grpc.RpcError as error:
            print(f"{how}: {len(messages)} read, then {error.code().name}")
server.stop(None).wait()
EOF
diff expected actual
