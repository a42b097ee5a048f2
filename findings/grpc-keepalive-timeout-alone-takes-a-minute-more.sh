#!/usr/bin/env bash
# grpcio 1.85.1: keepalive_timeout_ms of 1 s notices a dead peer after a minute more; grpc.http2.ping_timeout_ms doesn't.
#
# A server that is stopped holds its TCP connection and answers no pings. With keepalive_time_ms 10 s and
# keepalive_timeout_ms 1 s a stream should end some 11 s later: it takes 60 s longer, which is the default of
# another option, grpc.http2.ping_timeout_ms. That one decides on pings that aren't answered, and has to be
# set as well.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
with ping_timeout_ms: UNAVAILABLE in less than 40 s: True
keepalive_timeout_ms alone: UNAVAILABLE in less than 40 s: False
EOF
venv/bin/python - <<'EOF' | tee actual
import os
import signal
import subprocess
import sys
import threading
import time

import grpc

print("grpcio", grpc.__version__)
SERVER = '''
import threading
from concurrent.futures import ThreadPoolExecutor
import grpc

def hold(request, context):
    over = threading.Event()
    context.add_callback(over.set)
    yield b"1"
    over.wait()

server = grpc.server(ThreadPoolExecutor(4))
method = grpc.unary_stream_rpc_method_handler(hold)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("made.Up", {"Get": method})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
'''
server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
address = f"127.0.0.1:{server.stdout.readline().strip()}"
keepalive = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 1_000)]
streams = {}
for name, more in {
    "with ping_timeout_ms": [("grpc.http2.ping_timeout_ms", 1_000)],
    "keepalive_timeout_ms alone": [],
}.items():
    channel = grpc.insecure_channel(address, [*keepalive, *more])
    streams[name] = channel, channel.unary_stream("/made.Up/Get")(b"", timeout=300)
    next(streams[name][1])
os.kill(server.pid, signal.SIGSTOP)
began = time.monotonic()


def wait(name, call):
    try:
        next(call)
    except grpc.RpcError as error:
        print(f"{name}: {error.code().name} in less than 40 s: {time.monotonic() - began < 40}", flush=True)


waiting = [threading.Thread(target=wait, args=(name, call)) for name, (_, call) in streams.items()]
for thread in waiting:
    thread.start()
for thread in waiting:
    thread.join()
server.kill()
EOF
diff expected actual
