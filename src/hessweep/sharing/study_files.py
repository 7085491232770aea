"""The study file and the files that it names, as they go into a bundle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hessweep.study import Study


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


def _named(study: Study) -> Iterator[Path]:
    """Yield the files of own activations, arrays and own figures, each once."""
    files: list[str] = []
    for sweep in study.sweeps.values():
        files += [getattr(one, "file", "") for one in sweep.activation]
        files += [one.file for one in sweep.files]
    files += [request.file or "" for request in study.figures.values()]
    for file in dict.fromkeys(filter(None, files)):
        yield Path(file)
