"""Whether a results folder still holds what was computed, and its repair."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
from numpy import ndarray

from hessweep.address import Address, Root, root_of
from hessweep.errors import DamagedStoreError
from hessweep.setup import AXES, key_of_row
from hessweep.store.files import TEMPORARY, accessing, set_aside, stale_files
from hessweep.store.index import read_index
from hessweep.store.published import ASIDE, SUFFIX, published_folder, written_folders
from hessweep.store.publishing import publish
from hessweep.store.segments import FOLDER as SEGMENTS
from hessweep.store.segments import is_segment_name, list_segments, read_columns
from hessweep.store.selection import select
from hessweep.store.storage import each, storage_of
from hessweep.store.verify_published import published_problems

DAMAGED = "damaged"
"""The folder inside `segments` to which `repair` moves what can not be read."""

Kind = Literal[
    "damaged segment",
    "wrong key",
    "foreign file",
    "stale temporary file",
    "damaged published",
    "stale published",
    "different result",
    "damaged bundle",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    kind: Kind
    path: Path
    """The file, relative to the results root."""
    message: str


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect` read, and what it found."""

    segments: int
    points: int
    """Points in the segments that could be read, repetitions included."""
    bytes: int
    """Size of all segments."""
    problems: tuple[Problem, ...]
    done: "pd.DataFrame"
    """Rows of the index: the computed points that are, or should be, published."""


@dataclass(frozen=True)
class Repair:
    """What `repair` did."""

    moved: tuple[Path, ...]
    """Segments that were moved aside: where they are now, relative to the results root."""
    published: bool
    """Whether published groups were written or removed."""


def inspect(root: str | Root) -> Inspection:
    """Read every byte of a results folder and check it; change nothing but the index's cache.

    It checks every segment's digest, the checksum of every chunk and the key of every point; every
    published chunk, and that it agrees with the segments; and that no foreign files are there.

    Args:
        root: The results root.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    root = root_of(root)
    sizes = list_segments(root)
    problems, readable, points = [], set(), 0
    for name, (found, count) in each(storage_of(root), sizes, partial(_check_segment, root)):
        problems += found
        points += count
        if not found:
            readable.add(name)
    problems += _foreign_segments(root)
    index = read_index(root)
    stored = index.points
    groups = select(stored[stored["segment"].isin(readable)])
    problems += [Problem(*finding) for finding in published_problems(root, groups)]
    if not isinstance(root, Address):
        problems += _stale_files(root)
    done = [group.points[group.points["status"] == "done"] for group in groups]
    return Inspection(
        segments=len(sizes),
        points=points,
        bytes=sum(sizes.values()),
        problems=tuple(problems),
        done=pd.concat(done) if done else stored.iloc[:0],
    )


def repair(root: str | Root) -> Repair:
    """Move damaged segments aside and rebuild what was published from the others.

    Nothing is lost: damaged segments go to `segments/damaged`, and the points that only they
    held count as missing, so that the next run computes them.

    Raises:
        StoreAccessError: If the folder can not be read or written.
    """
    root = root_of(root)
    problems = inspect(root).problems
    aside = f"{SEGMENTS}/{DAMAGED}"
    broken = {p.path for p in problems if p.kind in ("damaged segment", "wrong key")}
    damaged = {p.path for p in problems if p.kind == "damaged published"}
    storage = storage_of(root)
    with accessing(root / aside, "move damaged segments to"):
        moved = [storage.set_aside(path.as_posix(), aside) for path in sorted(broken)]
    if isinstance(root, Path):
        _set_groups_aside(root, damaged)
    published = publish(root, force=bool(damaged))
    if isinstance(root, Address) and any(p.kind == "stale temporary file" for p in problems):
        from hessweep.store.objects.publishing import clear_left

        clear_left(root)
    return Repair(tuple(map(Path, moved)), published)


def _set_groups_aside(root: Path, damaged: Iterable[Path]) -> None:
    """Move damaged groups aside: publishing does not replace one that has no points any more."""
    with accessing(published_folder(root), "move damaged groups in"):
        for path in damaged:
            if path.suffix == SUFFIX and (root / path).is_dir():
                set_aside(root / path, published_folder(root) / ASIDE)


def _check_segment(root: Root, name: str) -> tuple[list[Problem], int]:
    path = segment_path(name)
    try:
        arrays, _ = read_columns(root / path)
        wrong = list(_wrong_keys(arrays))
    except DamagedStoreError as error:
        return [Problem("damaged segment", path, str(error))], 0
    return [Problem("wrong key", path, message) for message in wrong], len(arrays["key"])


def _wrong_keys(arrays: dict[str, ndarray]) -> Iterator[str]:
    names = ["key", "activation_spec", "seed", "kernel_version"]
    names += [axis.column.name for axis in AXES if axis.column.name in arrays]
    for values in zip(*(arrays[name].tolist() for name in names), strict=True):
        row = dict(zip(names, values, strict=True))
        expected = key_of_row(row)
        if row["key"] != expected:
            yield f"key {row['key']} stands at a point whose key is {expected}"


def _foreign_segments(root: Root) -> Iterator[Problem]:
    message = "not a segment; nothing reads it"
    if isinstance(root, Address):
        for name in storage_of(root).list(SEGMENTS):
            if not is_segment_name(name):
                yield Problem("foreign file", segment_path(name), message)
        return
    folder = root / SEGMENTS
    if not folder.is_dir():
        return
    with accessing(folder, "list"):
        for path in sorted(folder.iterdir()):
            if not _belongs(path):
                yield Problem("foreign file", path.relative_to(root), message)


def _belongs(path: Path) -> bool:
    if path.name.startswith(TEMPORARY) or is_segment_name(path.name):
        return path.is_file()
    return path.name == DAMAGED and path.is_dir()


def _stale_files(root: Path) -> Iterator[Problem]:
    message = "left by a writer that was killed; the next publish removes it"
    for folder in written_folders(root):
        for path in sorted(stale_files(folder)):
            yield Problem("stale temporary file", path.relative_to(root), message)


def segment_path(segment: str) -> Path:
    """Return where a segment is, relative to the results root."""
    return Path(SEGMENTS, segment)
