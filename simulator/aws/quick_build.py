"""A build that deploys quickly: work that `sam deploy` repeats each time is done once.

Half of its time is spent on reading YAML, nested templates repeatedly, and on packing layers. The
content is unchanged.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from simulator.aws.sam import SAM

# Runs in the SAM CLI's environment, whose YAML reader knows the short forms of functions.
_AS_JSON: Final = """
import json, pathlib, sys
from samcli.yamlhelper import yaml_parse

for path in map(pathlib.Path, sys.argv[1:]):
    path.write_text(json.dumps(yaml_parse(path.read_text())))
"""


def quicken(build_folder: Path) -> None:
    """Write a build's templates as JSON, and its functions and layers as archives.

    Args:
        build_folder: The result of `sam_build`.

    Raises:
        subprocess.CalledProcessError: SAM can't read a template, and has printed the reason.
    """
    templates = sorted(build_folder.rglob("template.yaml"))
    subprocess.run([SAM.with_name("python"), "-c", _AS_JSON, *templates], check=True)
    main = build_folder / "template.yaml"
    template = json.loads(main.read_text())
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri"):
            # Layers that were not built refer to their source folder, and aren't used.
            if (folder := build_folder / properties.get(name, "")).parent == build_folder:
                properties[name] = Path(shutil.make_archive(str(folder), "zip", folder)).name
    main.write_text(json.dumps(template))
