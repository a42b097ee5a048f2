#!/usr/bin/env bash
# grpcio 1.85.1: a unary call that the server ends with OK and without a message gives None, not an error.
#
# gRPC's protocol has one message in every successful unary answer. Where there is none, neither the
# synchronous nor the asyncio client raises: the result is None, the code OK. Whoever calls a method of the
# result gets an AttributeError far from the cause. A gateway or a proxy that drops a body is enough for such
# an answer.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cd "$folder"

cat >expected <<'EOF'
grpcio 1.85.1
synchronous: None
asyncio: None StatusCode.OK
EOF
venv/bin/python - <<'EOF' | tee actual
import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc

print("grpcio", grpc.__version__)
# To the server it is a method with streams, which may send any number of messages: none.
nothing = grpc.stream_stream_rpc_method_handler(lambda requests, context: iter(()))
server = grpc.server(ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("made.Up", {"Get": nothing})])
address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()

with grpc.insecure_channel(address) as channel:
    print("synchronous:", channel.unary_unary("/made.Up/Get")(b""))


async def ask():
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary("/made.Up/Get")(b"")
        print("asyncio:", await call, await call.code())


asyncio.run(ask())
server.stop(None).wait()
EOF
diff expected actual
