"""What `sam build` builds for Lambda, run on the Python that the template names."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.aws import PROJECT_FOLDER, sam_build
from simulator.deployment import LocalDeployment
from simulator.reconciliation import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(sys.platform != "linux", reason="the built layers are for Linux"),
]

EVENTS = 50


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of the template's functions: the machine's, or one from a Go module."""
    template = (PROJECT_FOLDER / "template.yaml").read_text()
    (name,) = set(re.findall(r"Runtime: (python[0-9.]+)", template))
    if installed := shutil.which(name):
        return Path(installed)
    if not (go := shutil.which("go")):
        pytest.skip(f"neither {name} nor go, which can get it, is on this machine")
    unpacked = subprocess.run(
        [go, "run", ".", str(tmp_path_factory.mktemp("python") / "unpacked")],
        cwd=Path(__file__).parent / "lambdas_python",
        check=False,
        capture_output=True,
        text=True,
    )
    if unpacked.returncode:
        pytest.skip(f"no {name} on this machine, and go can't get it: {unpacked.stderr[-500:]}")
    found = Path(unpacked.stdout.strip())
    version = subprocess.run([found, "-V"], check=True, capture_output=True, text=True).stdout
    assert version.startswith(name.replace("python", "Python ") + ".")
    return found


def test_built_layers_drain_on_lambdas_python(
    python: Path, made_once: Callable[[str, Callable[[Path], object]], Path]
) -> None:
    """The layers as an account gets them, for this machine's processor, drain and reconcile."""
    architecture = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
    built = made_once(
        "built-for-lambda",
        lambda folder: sam_build(folder, architecture=architecture, layer_target="lambda"),
    )
    with LocalDeployment(
        built=built, architecture=architecture, function_python=python
    ) as deployment:
        deployment.deploy(ScheduleState="DISABLED", IdleSeconds="1")
        deployment.stack.put_credentials(deployment.credentials)
        deployment.event_server.publish_made_up("handset_change", EVENTS)

        invocation = deployment.stack.invoke()

        assert invocation.error is None, invocation.payload
        found = reconcile(
            deployment.event_server.ledger(), deployment.archive_lines(), deployment.take_messages()
        )
        assert found.is_balanced
        assert len(found.acked) == EVENTS
