"""The root certificates that gRPC trusts, in fresh processes: each reads its default roots once."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import grpc
import pytest
import trustme

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import run_child

if TYPE_CHECKING:
    from pathlib import Path

_CALL: Final = """
import sys, grpc
from eventdrain.adapters.grpc import channel_credentials
with grpc.secure_channel(sys.argv[1], channel_credentials()) as channel:
    try:
        channel.unary_unary("/made.up/Call")(b"", timeout=30)
    except grpc.RpcError as error:
        print(error.code().name)
"""


@pytest.mark.parametrize(("is_trusted", "code"), [(True, "UNIMPLEMENTED"), (False, "UNAVAILABLE")])
def test_the_systems_roots_are_trusted_and_no_others(
    tmp_path: Path, *, is_trusted: bool, code: str
) -> None:
    """A server is called if the file of the system's roots has the root of its certificate."""
    ours = trustme.CA()
    trusted = ours if is_trusted else trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "roots.pem")
    issued = ours.issue_cert("localhost")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
        )
        server.start()
        try:
            done = run_child(
                [sys.executable, "-c", _CALL, f"localhost:{port}"],
                folder=PROJECT_FOLDER,
                environment={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    "SSL_CERT_FILE": str(tmp_path / "roots.pem"),
                },
                seconds=60,
            )
        finally:
            server.stop(grace=None).wait()
    assert done.stdout.split() == [code], done.stderr
