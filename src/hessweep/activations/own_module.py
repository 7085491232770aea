"""Running a user's Python file as a module, and noticing which data files it reads.

The key of a point contains the hash of the file's text. A file that reads a table from another
file would give other numbers under the same key after the table has changed, so the hashes of
what it reads belong to the key as well.
"""

# pathlib is not for the mathematics:
# ruff: noqa: PTH113, PTH118, PTH120, PTH122, PTH123

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from types import ModuleType
from typing import Any

from hessweep.errors import ActivationError

Data = tuple[tuple[str, str], ...]
"""Data files that a file reads, by their names as seen from its folder, with their SHA-256."""

CODE = {".py", ".pyc", ".pyi", ".so", ".pyd", ".pth"}
"""Suffixes of files that Python itself reads."""

_opened: ContextVar[set[str] | None] = ContextVar("opened", default=None)
_modules: dict[tuple[str, str], tuple[ModuleType, Data]] = {}
_copies: dict[str, str] = {}


def use_copy(file: str, copy: str) -> None:
    """Look for the data files of a Python file beside another path from now on.

    A worker calls this that has no access to the folder of the file, and got copies of its data.
    """
    _copies[file] = copy


def run(source: str, file: str) -> tuple[ModuleType, Data]:
    """Return the text of a file as a module, and the data files that it read when it was run.

    The module is named after the hash of the text. It is run again only if one of the data files
    has changed.

    Raises:
        ActivationError: If the text does not run.
    """
    known = _modules.get((source, file))
    if known is not None and all(hash_of(file, name) == digest for name, digest in known[1]):
        return known
    digest = hashlib.sha256(source.encode()).hexdigest()
    module = ModuleType(f"hessweep_own_{digest[:16]}")
    module.__file__ = _copies.get(file, file)
    # Dataclasses and pickle look up the module of a class by name.
    sys.modules[module.__name__] = module
    try:
        with _recorded() as opened:
            exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102  the user's own file
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise ActivationError(
            f"{file}: expected a Python file that runs, got {type(error).__name__}: {error}"
        ) from error
    _modules[source, file] = module, _data(file, opened)
    return _modules[source, file]


def hash_of(file: str, name: str) -> str:
    """Return the SHA-256 of a data file by its name as seen from a file's folder, or nothing."""
    try:
        with open(path_of(file, name), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def path_of(file: str, name: str) -> str:
    """Return the path of a data file by its name as seen from a file's folder."""
    return os.path.join(os.path.dirname(_copies.get(file, file)), name)


def _data(file: str, opened: set[str]) -> Data:
    real = os.path.realpath
    folder = real(os.path.dirname(_copies.get(file, file)))
    names = []
    for path in {real(text) for text in opened}:
        code = os.path.splitext(path)[1] in CODE
        if code or not os.path.isfile(path) or any(map(partial(_is_in, path), _libraries())):
            continue
        names.append(os.path.relpath(path, folder) if _is_in(path, folder) else path)
    return tuple(sorted((name, hash_of(file, name)) for name in names))


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


@cache
def _libraries() -> tuple[str, ...]:
    """Return the folders of Python, of installed packages, and of the system's own files."""
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return (*{os.path.realpath(paths[name]) for name in names}, "/proc", "/sys", "/dev", "/etc")


@contextmanager
def _recorded() -> Iterator[set[str]]:
    """Collect the paths of files that are opened for reading within the block."""
    _watch()
    opened: set[str] = set()
    token = _opened.set(opened)
    try:
        yield opened
    finally:
        _opened.reset(token)


@cache  # A hook can not be removed.
def _watch() -> None:
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and (opened := _opened.get()) is not None:
        path, _, flags = arguments
        reads = not isinstance(flags, int) or flags & os.O_ACCMODE != os.O_WRONLY
        if reads and isinstance(path, str | bytes | os.PathLike):
            opened.add(os.fsdecode(path))
