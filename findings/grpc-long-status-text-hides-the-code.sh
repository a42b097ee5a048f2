#!/usr/bin/env bash
# grpcio 1.85.1: a status text of more than 16 KiB turns UNAUTHENTICATED into RESOURCE_EXHAUSTED.
#
# The text of a status travels in the trailers, whose size the client limits: 8 KiB softly (beyond it an
# answer is refused with a growing chance), 16 KiB strictly (grpc.max_metadata_size,
# grpc.absolute_max_metadata_size). Beyond that the code goes with the text: a client that renews its token at
# UNAUTHENTICATED sees a call with too much in it, and one that slows down at RESOURCE_EXHAUSTED slows down
# for ever. Servers that put a stack trace or a gateway's page into the text reach these sizes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
8000 letters: UNAUTHENTICATED
17000 letters: RESOURCE_EXHAUSTED
17000 letters, both limits raised: UNAUTHENTICATED
EOF
venv/bin/python - <<'EOF' | tee actual
from concurrent.futures import ThreadPoolExecutor

import grpc

print("grpcio", grpc.__version__)


def refuse(request, context):
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "x" * int(request))


server = grpc.server(ThreadPoolExecutor(2))
method = grpc.unary_unary_rpc_method_handler(refuse)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("made.Up", {"Get": method})])
address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()
raised = [("grpc.max_metadata_size", 65536), ("grpc.absolute_max_metadata_size", 65536)]
for letters, options in ((8_000, []), (17_000, []), (17_000, raised)):
    with grpc.insecure_channel(address, options) as channel:
        try:
            channel.unary_unary("/made.Up/Get")(str(letters).encode())
        except grpc.RpcError as error:
            print(letters, "letters" + (", both limits raised" if options else "") + ":", error.code().name)
server.stop(None).wait()
EOF
diff expected actual
