#!/usr/bin/env bash
# grpcio 1.85.1 on Linux: a channel that is closed leaves a stream's connection open unless a thread reads the stream just then.
#
# Each channel here has one stream, of which one message was read, and a pool of connections of its own. If a
# thread waits for the next message while the channel is closed, the connection is closed too. If nobody is
# reading, or the call was cancelled before, so that the reading is over, the connection stays open: five
# seconds later, and after the channel and the call are garbage. ChannelOptions.SingleThreadedUnaryStream
# makes no difference. Whoever opens a channel for each run in a long-lived process collects connections; so
# leave the call uncancelled, close the channel while a thread reads, and let that end.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
default: nobody reads 1, cancelled 1, a thread reads 0
single-threaded: nobody reads 1, cancelled 1, a thread reads 0
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
    if how != "nobody reads":
        reader.start()
        time.sleep(1)  # until it waits
    if how == "cancelled":
        call.cancel()
        reader.join()
    channel.close()
    del channel, call, reader
    gc.collect()
    time.sleep(5)
    return sockets() - before


for name, single_threaded in {"default": 0, "single-threaded": 1}.items():
    ways = ("nobody reads", "cancelled", "a thread reads")
    print(f"{name}:", ", ".join(f"{how} {left_open(how, single_threaded)}" for how in ways))
server.kill()
EOF
diff expected actual
