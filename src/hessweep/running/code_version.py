"""Which code computes: workers that have other code than the driver may compute other numbers."""

import hashlib
from functools import cache
from pathlib import Path

from hessweep.version import __version__

_PACKAGE = Path(__file__).parents[1]


@cache
def code_version() -> str:
    """Return the version of the package, and the start of the hash of its Python files."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return f"{__version__} with files {digest.hexdigest()[:12]}"
