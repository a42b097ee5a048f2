#!/usr/bin/env bash
# grpcio 1.85.1 on Linux: a closed channel leaves a stream's connection open until the end of the stream is read.
#
# Each channel here has one stream, of which one message was read, and a pool of connections of its own. If a
# thread waits for the next message while the channel is closed, or somebody reads on afterwards, the read
# raises CANCELLED and the connection is closed. If nobody reads, or the call was cancelled before and read to
# its end by then, the connection stays open: five seconds later, and after channel and call are garbage.
# ChannelOptions.SingleThreadedUnaryStream makes no difference. So, to leave a stream: don't cancel the call,
# close the channel, and read until that raises.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
default: nobody reads 1, cancelled 1, a thread reads 0, read afterwards 0
single-threaded: nobody reads 1, cancelled 1, a thread reads 0, read afterwards 0
EOF
venv/bin/python - <<'EOF' | tee actual
import gc
import os
import subprocess
import sys
import threading
import time

import grpc
from grpc.experimental import ChannelOptions

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

server = grpc.server(ThreadPoolExecutor(8))
method = grpc.unary_stream_rpc_method_handler(hold)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("made.Up", {"Get": method})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
'''
server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
address = f"127.0.0.1:{server.stdout.readline().strip()}"


def sockets():
    files = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return sum(os.readlink(file).startswith("socket:") for file in files if os.path.islink(file))


def read(call):
    try:
        next(call)
    except grpc.RpcError:
        pass


def left_open(how, single_threaded):
    before = sockets()
    own_pool = ("grpc.use_local_subchannel_pool", 1)
    options = [own_pool, (ChannelOptions.SingleThreadedUnaryStream, single_threaded)]
    channel = grpc.insecure_channel(address, options)
    call = channel.unary_stream("/made.Up/Get")(b"")
    next(call)
    assert sockets() == before + 1
    reader = threading.Thread(target=read, args=(call,))
    if how in {"cancelled", "a thread reads"}:
        reader.start()
        time.sleep(1)  # until it waits
    if how == "cancelled":
        call.cancel()
        reader.join()
    channel.close()
    if how == "read afterwards":
        read(call)
    del channel, call, reader
    gc.collect()
    time.sleep(5)
    return sockets() - before


for name, single_threaded in {"default": 0, "single-threaded": 1}.items():
    ways = ("nobody reads", "cancelled", "a thread reads", "read afterwards")
    print(f"{name}:", ", ".join(f"{how} {left_open(how, single_threaded)}" for how in ways))
server.kill()
EOF
diff expected actual
