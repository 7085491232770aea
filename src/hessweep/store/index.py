"""Which points are stored, and in which segment: a cache that can be rebuilt at any time.

Reading 2000 segments takes seconds, the cache milliseconds. It is never trusted over the
segments: what it says of a segment counts only while a file of that name and size is there, and
names are digests. Two processes may write it at once; either's version is good.
"""

import hashlib
import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hessweep.errors import DamagedStoreError
from hessweep.store.files import accessing, commit_file, remove_stale
from hessweep.store.schema import POINT_COLUMNS, missing_value
from hessweep.store.segments import list_segments, read_columns, segments_folder

CACHE = "index.cache"

INDEXED = (
    "key",
    "status",
    "activation",
    "activation_spec",
    "N_i",
    "N_h",
    "seed",
    "weights",
    "spectrum",
    "kernel_version",
    "row_size",
    "node_size",
)
"""What the index knows of a point, besides where it is."""

_DTYPES = {
    column.name: "str" if column.dtype == "str" else column.dtype
    for column in POINT_COLUMNS
    if column.name in INDEXED
} | {"segment": "str", "segment_size": "int64", "row": "int64"}

_DEFAULTS = {
    column.name: missing_value(column) for column in POINT_COLUMNS if column.missing is not None
}
"""Of columns that segments of an earlier version lack."""

_DIGEST_SIZE = 16


class DamagedSegmentWarning(UserWarning):
    """Segments that can not be read, so that their points count as missing."""


@dataclass(frozen=True)
class Damage:
    """A segment that can not be read."""

    segment: str
    reason: str


@dataclass(frozen=True, eq=False)
class Index:
    """Every stored point, repetitions included."""

    points: pd.DataFrame
    """A row for each point of each segment: `INDEXED`, the segment, its size, the row in it."""
    damaged: tuple[Damage, ...]
    """Segments that could not be read; none of their points is among `points`."""


class StoredPoints(dict[str, str]):
    """The status of each stored point by its key; what else is missing was never stored."""

    damaged: tuple[Damage, ...] = ()
    """Segments that could not be read; their points are not here."""


def stored_points(root: Path) -> StoredPoints:
    """Return the status, done or failed, of each stored point by its key.

    A point that was stored more than once is done if it is done in any segment. Damaged
    segments are in `.damaged`, and a `DamagedSegmentWarning` says so.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    index = read_index(root)
    warn_of(index.damaged)
    failed = index.points["status"] != "done"
    stored = StoredPoints(dict.fromkeys(index.points["key"][failed], "failed"))
    stored |= dict.fromkeys(index.points["key"][~failed], "done")
    stored.damaged = index.damaged
    return stored


def read_index(root: Path) -> Index:
    """Return the index, brought up to date with the segments that are there now.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    root = Path(root)
    remove_stale(segments_folder(root))
    sizes = list_segments(root)
    cached = _read_cache(root)
    known = cached[["segment", "segment_size"]].drop_duplicates()
    valid = {
        name
        for name, size in zip(known["segment"], known["segment_size"], strict=True)
        if sizes.get(name) == size
    }
    kept = cached if len(valid) == len(known) else cached[cached["segment"].isin(valid)]
    unknown = {name: size for name, size in sizes.items() if name not in valid}
    if not unknown and kept is cached:
        return Index(cached, ())
    new, damaged = _read_segments(root, unknown)
    points = pd.concat([kept, new], ignore_index=True)
    _write_cache(root, points)
    return Index(points, damaged)


def warn_of(damaged: tuple[Damage, ...]) -> None:
    """Warn of damaged segments, if there are any."""
    if damaged:
        warnings.warn(
            f"{len(damaged)} damaged segments, whose points count as missing: "
            f"{', '.join(damage.segment for damage in damaged[:3])}"
            f"{', …' if len(damaged) > 3 else ''}; repair moves them aside",
            DamagedSegmentWarning,
            stacklevel=3,
        )


def _read_segments(root: Path, sizes: dict[str, int]) -> tuple[pd.DataFrame, tuple[Damage, ...]]:
    columns: dict[str, list[Any]] = {name: [] for name in _DTYPES}
    damaged = []
    for name, size in sizes.items():
        try:
            arrays, _ = read_columns(segments_folder(root) / name, INDEXED)
            rows = len(arrays["key"])
            lists: dict[str, list[Any]] = {c: [value] * rows for c, value in _DEFAULTS.items()}
            lists |= {c: arrays[c].tolist() for c in INDEXED if c in arrays}
            lists |= {"segment": [name] * rows, "segment_size": [size] * rows}
            lists["row"] = list(range(rows))
            for column, values in columns.items():
                values += lists[column]
        except (DamagedStoreError, KeyError) as error:
            damaged.append(Damage(name, str(error)))
    return pd.DataFrame(columns).astype(_DTYPES), tuple(damaged)


def _read_cache(root: Path) -> pd.DataFrame:
    """Return the cached rows; none if the cache is absent, damaged or of another version."""
    try:
        content = (root / CACHE).read_bytes()
    except FileNotFoundError:
        return _no_points()
    except OSError:
        with accessing(root / CACHE, "read"):
            raise
    digest, body = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if digest != _digest(body):
        return _no_points()
    cached = pd.read_feather(io.BytesIO(body))
    return cached if list(cached) == list(_DTYPES) else _no_points()


def _no_points() -> pd.DataFrame:
    return pd.DataFrame(columns=list(_DTYPES)).astype(_DTYPES)


def _write_cache(root: Path, points: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    points.to_feather(buffer, compression="zstd")
    body = buffer.getvalue()
    # A folder that can be read but not written still answers, only slower.
    with suppress(OSError):
        commit_file(root / CACHE, _digest(body) + body)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()
