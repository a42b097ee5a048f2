"""Runs the SAM CLI of the environment `.venv-sam`, as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from simulator.aws.embedded_aws import PROJECT_FOLDER, end_group
from simulator.child_process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SAM: Final = PROJECT_FOLDER / ".venv-sam" / "bin" / "sam"

VENDOR_LAYERS: Final = {"arm64": "VendorLayerArm64", "x86_64": "VendorLayerX8664"}
_COMMAND_LIMIT: Final = timedelta(minutes=5)
_SET_BY_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


class StackError(Exception):
    """The stack couldn't be built, deployed or watched. The message has the tool's output."""


def sam_build(
    build_folder: Path,
    *,
    architecture: str = "arm64",
    project: Path = PROJECT_FOLDER,
    layer_target: str = "host",
) -> None:
    """Build functions and layers with `sam build`.

    Two things differ from a build for an account: the layers are built for this machine's Python
    (`LAYER_TARGET=host`), which runs ministack's functions, and the vendor layer of the other
    architecture is not built, as nothing uses it.

    Args:
        build_folder: A folder for the result, which is emptied first.
        architecture: The stack's, arm64 or x86_64.
        project: The folder with templates, functions and layers.
        layer_target: `host`, or `lambda` for layers as in an account.

    Raises:
        StackError: It failed.
    """
    others = [name for key, name in VENDOR_LAYERS.items() if key != architecture]
    # SAM leaves files behind in the temporary folder.
    with tempfile.TemporaryDirectory(prefix="sam-build-") as temporary:
        run_sam(
            ["build", "--build-dir", str(build_folder), "--no-cached", "--parallel"]
            + [option for name in others for option in ("--exclude", name)],
            environment={
                **_builder_environment(),
                "TMPDIR": temporary,
                "LAYER_TARGET": layer_target,
                "PYTHON": sys.executable,
            },
            folder=project,
        )


def _builder_environment() -> dict[str, str]:
    """Return this process's environment, which may configure package indexes, with exceptions.

    Left out are AWS profiles and keys, which a build doesn't need, the flags and variables of an
    outer make, which SAM's makes would use, and settings of Python.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _SET_BY_MAKE and not name.startswith(("AWS_", "PYTHON", "SAM_CLI_"))
    }


def run_sam(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path = PROJECT_FOLDER
) -> None:
    """Run SAM in a folder; its output is shown only if it fails.

    The user's own settings, a `samconfig.toml` in the folder, are ignored.

    Raises:
        StackError: It isn't installed, it failed, or it took longer than five minutes.
    """
    if not SAM.exists():
        raise StackError(
            f"{SAM.relative_to(PROJECT_FOLDER)} is missing: install requirements/sam.txt into"
            " .venv-sam."
        )
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as no_settings:
        no_settings.write("version = 0.1\n")
        no_settings.flush()
        process = ChildProcess(
            [SAM, *arguments, "--config-file", no_settings.name],
            cwd=folder,
            env={**environment, "SAM_CLI_TELEMETRY": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a new process group, with SAM's child processes
        )
        try:
            output, _ = process.communicate(timeout=_COMMAND_LIMIT.total_seconds())
        except subprocess.TimeoutExpired as error:
            raise StackError(f"sam {arguments[0]} took longer than {_COMMAND_LIMIT}.") from error
        finally:
            end_group(process)
    if process.returncode != 0:
        raise StackError(f"sam {arguments[0]} failed ({process.returncode}):\n{output}")
