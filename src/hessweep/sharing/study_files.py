"""The study file and the files that it names: kept with the results, and put into a bundle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hessweep.address import Root
from hessweep.store.files import TEMPORARY, accessing
from hessweep.store.storage import Storage, storage_of
from hessweep.study import Study

FOLDER = "study"
"""The folder of a results root that holds the study as it was when it computed points last."""


@dataclass(frozen=True)
class StudyFiles:
    """What belongs to a study."""

    inside: dict[str, Path]
    """The study file and the files beside and below it, by their paths from its folder."""
    outside: tuple[Path, ...]
    """Files that the study names and that are elsewhere, so that its text would not find them."""


def files_of(path: Path, study: Study) -> StudyFiles:
    """Return the study file and the files that it names.

    Args:
        path: The study file.
        study: What it says.
    """
    folder = path.parent.resolve()
    inside, outside = {path.name: path}, []
    for named in _named(study):
        try:
            relative = named.resolve().relative_to(folder)
        except ValueError:
            outside.append(named)
        else:
            inside[relative.as_posix()] = named
    return StudyFiles(inside, tuple(outside))


def keep(root: Root, path: Path, study: Study) -> None:
    """Copy the study file and the files beside and below it to the results that it computed.

    Args:
        root: The results.
        path: The study file.
        study: What it says.

    Raises:
        StoreAccessError: If a file can not be read or written.
    """
    storage = storage_of(root)
    for name, file in files_of(path, study).inside.items():
        with accessing(file, "read"):
            content = file.read_bytes()
        kept = f"{FOLDER}/{name}"
        with accessing(Path(str(root)) / kept, "write"):
            if not _holds(storage, kept, content):
                storage.put(kept, content)


def kept_files(root: Path) -> dict[str, Path]:
    """Return what `keep` has copied to a results folder, by the paths from the study's folder."""
    folder = root / FOLDER
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.startswith(TEMPORARY)
    }


def _holds(storage: Storage, name: str, content: bytes) -> bool:
    try:
        return storage.get(name, len(content)) == content
    except FileNotFoundError:
        return False


def _named(study: Study) -> Iterator[Path]:
    """Yield the files of own activations, arrays and own figures, each once."""
    files: list[str] = []
    for sweep in study.sweeps.values():
        files += [getattr(one, "file", "") for one in sweep.activation]
        files += [one.file for one in sweep.files]
    files += [request.file or "" for request in study.figures.values()]
    for file in dict.fromkeys(filter(None, files)):
        yield Path(file)
