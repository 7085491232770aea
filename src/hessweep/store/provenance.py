"""What computed numbers depend on beyond their point: versions, processor, the code's commit."""

import importlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import threadpoolctl

from hessweep.setup import FIRST_VERSION

_CLONE = Path(__file__).parents[3]
"""The top folder of the clone that the package is imported from, if it is imported from one."""

_GIT_SECONDS = 10


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers and files depend on."""
    packages = ("hessweep", "numpy", "scipy", "python-flint", "xarray", "zarr")
    found = {name: metadata.version(name) for name in packages}
    return found | {"python": platform.python_version()}


@cache
def provenance() -> dict[str, Any]:
    """Return versions, processor, BLAS and the commit of this process, as JSON can hold them."""
    # Only a BLAS that has been loaded is seen.
    importlib.import_module("scipy.linalg")
    blas = {
        f"{info.get('internal_api')} {info.get('version')} {info.get('architecture', '')}".strip()
        for info in threadpoolctl.threadpool_info()
        if info.get("user_api") == "blas"
    }
    found = {
        "versions": versions(),
        "processor": platform.machine(),
        "blas": ", ".join(sorted(blas)),
        "kernel_version": FIRST_VERSION,
    }
    commit = _commit_of_clone(_CLONE) or _commit_of_installation()
    return found | ({"commit": commit} if commit else {})


def _commit_of_clone(folder: Path) -> str:
    """Return the commit of a clone, with `-dirty` if tracked files differ from it, or nothing."""
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        told = subprocess.run(  # noqa: S603 - the arguments are ours
            [*command, "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # The clone is only read.
        )
    except (OSError, subprocess.SubprocessError):  # There need not be a git.
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def _commit_of_installation() -> str:
    """Return the commit that pip wrote down when it installed from a repository, or nothing."""
    try:
        source = json.loads(metadata.distribution("hessweep").read_text("direct_url.json") or "{}")
        return str(source["vcs_info"]["commit_id"])
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""
