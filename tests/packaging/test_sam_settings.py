"""The SAM CLI's settings: tracked defaults, and a person's own in a file that Git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

from simulator.aws import PROJECT_FOLDER, SAM

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS: Final = PROJECT_FOLDER / "samconfig.yml"
_AS_SAM_READS_THEM: Final = """
import json, sys
from samcli.lib.config.samconfig import SamConfig

folder = sys.argv[1]
config = SamConfig(folder, SamConfig.get_default_file(config_dir=folder))
commands = {"deploy": ["deploy"], "list": ["list", "resources"], "logs": ["logs"]}
print(json.dumps({name: config.get_all(path, "parameters") for name, path in commands.items()}))
"""


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the SAM CLI's settings in a folder, by command."""
    done = subprocess.run(
        [SAM.with_name("python"), "-c", _AS_SAM_READS_THEM, folder],
        check=True,
        capture_output=True,
        text=True,
    )
    settings: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return settings


def test_deploy_needs_no_option(tmp_path: Path) -> None:
    """Only `sam deploy` has a default stack name; it also has all capabilities."""
    shutil.copy(_SETTINGS, tmp_path)
    settings = read(tmp_path)

    assert settings["deploy"]["stack_name"] == "event-drain"
    assert settings["deploy"]["capabilities"] == "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
    assert settings["deploy"]["resolve_s3"] is True
    assert not settings["list"]
    assert not settings["logs"]


def test_own_settings_win(tmp_path: Path) -> None:
    """`samconfig.toml`, which `--guided` writes, is read instead of the tracked file."""
    shutil.copy(_SETTINGS, tmp_path)
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\n[default.deploy.parameters]\nstack_name = "other"\n'
    )

    assert read(tmp_path) == {"deploy": {"stack_name": "other"}, "list": {}, "logs": {}}


def test_own_settings_are_ignored() -> None:
    """They make no checkout dirty, nor do the answers of `make deploy`."""
    ignored = (PROJECT_FOLDER / ".gitignore").read_text().splitlines()
    assert {"samconfig.toml", "deploy.toml"} <= {*ignored}
