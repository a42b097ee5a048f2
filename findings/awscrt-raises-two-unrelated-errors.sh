#!/usr/bin/env bash
# awscrt 0.38.1: what fails at once is a plain RuntimeError, which is no AwsCrtError.
#
# Whether HttpClientConnection.request and activate raise an AwsCrtError (with name and code) or a
# RuntimeError (with the number in its text) depends on whether the C code fails later, by callback, or at
# once. A connection that the server has closed between two calls is of the second kind, as is a path with a
# space. Who catches AwsCrtError alone misses the commonest failure of a kept-alive connection. The two
# classes have no ancestor in common but Exception.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awscrt==0.38.1
cd "$folder"

cat >expected <<'EOF'
awscrt 0.38.1
connection refused: AwsCrtError AWS_IO_SOCKET_CONNECTION_REFUSED: socket connection refused.
connection closed: RuntimeError 2058 (AWS_ERROR_HTTP_CONNECTION_CLOSED): The connection has closed or is closing.
space in the path: RuntimeError 2054 (AWS_ERROR_HTTP_INVALID_PATH): Path is invalid.
EOF
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import socket
import threading

from awscrt import http, io

print("awscrt", importlib.metadata.version("awscrt"))
server = socket.create_server(("127.0.0.1", 0))


def answer_once_and_close():
    while True:
        connection, _ = server.accept()
        with connection:
            if connection.recv(1000):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


threading.Thread(target=answer_once_and_close, daemon=True).start()
threads = io.EventLoopGroup(1)
bootstrap = io.ClientBootstrap(threads, io.DefaultHostResolver(threads))
port = server.getsockname()[1]
unused = socket.create_server(("127.0.0.1", 0))
closed_port = unused.getsockname()[1]
unused.close()


def connect(port):
    connecting = http.HttpClientConnection.new("127.0.0.1", port, bootstrap, io.SocketOptions(), None)
    return connecting.result(30)


def get(connection, path="/"):
    headers = http.HttpHeaders([("host", "made.up")])
    stream = connection.request(http.HttpRequest("GET", path, headers))
    stream.activate()
    return stream.completion_future.result(30)


def show(name, call):
    try:
        call()
    except Exception as error:
        print(f"{name}: {type(error).__name__} {error}")


show("connection refused", lambda: connect(closed_port))
kept = connect(port)
get(kept)
kept.shutdown_future.exception(30)
show("connection closed", lambda: get(kept))
show("space in the path", lambda: get(connect(port), "/a b"))
EOF
diff expected actual
