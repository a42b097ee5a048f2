#!/usr/bin/env bash
# awscrt 0.38.1 on Linux: it takes more than nine seconds to report a certificate that isn't trusted.
#
# The handshake has failed at once, and the error is AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE, but s2n, the TLS
# library, blinds such failures: it waits for a random time of 10 s or more before the connection is closed
# and the error is reported. A caller with a shorter time-out sees a time-out, never the reason, and looks for
# it in the network. A trusted certificate takes milliseconds.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awscrt==0.38.1 trustme==1.2.1
cd "$folder"

cat >expected <<'EOF'
awscrt 0.38.1
trusted: connected in less than 9 s: True
not trusted: AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE in less than 9 s: False
EOF
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import socket
import ssl
import threading
import time

import trustme
from awscrt import http, io
from awscrt.exceptions import AwsCrtError

print("awscrt", importlib.metadata.version("awscrt"))
ours, other = trustme.CA(), trustme.CA()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ours.issue_cert("localhost").configure_cert(context)
server = socket.create_server(("127.0.0.1", 0))


def shake_hands(connection):
    try:
        context.wrap_socket(connection, server_side=True).recv(1000)
    except OSError:
        pass


def serve():
    while True:
        threading.Thread(target=shake_hands, args=(server.accept()[0],), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
threads = io.EventLoopGroup(1)
bootstrap = io.ClientBootstrap(threads, io.DefaultHostResolver(threads))
for name, authority in (("trusted", ours), ("not trusted", other)):
    options = io.TlsContextOptions()
    options.override_default_trust_store(authority.cert_pem.bytes())
    tls = io.ClientTlsContext(options).new_connection_options()
    tls.set_server_name("localhost")
    began = time.monotonic()
    address = ("127.0.0.1", server.getsockname()[1])
    try:
        connection = http.HttpClientConnection.new(*address, bootstrap, io.SocketOptions(), tls).result(60)
        outcome = "connected"
        connection.close()
    except AwsCrtError as error:
        outcome = error.name
    print(f"{name}: {outcome} in less than 9 s: {time.monotonic() - began < 9}")
EOF
diff expected actual
