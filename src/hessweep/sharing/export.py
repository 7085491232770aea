"""`hessweep export`: results and all that belongs to them, as one zip file.

The published groups and the segments of a bundle agree, even if another process stores points or
publishes meanwhile: what was published is looked at before and after it is copied.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import zarr

from hessweep.errors import QueryError, StoreError
from hessweep.sharing.metadata import CITATION, CRATE, README, About, citation, crate, readme
from hessweep.sharing.study_files import FOLDER as STUDY
from hessweep.sharing.study_files import kept_files
from hessweep.sharing.writer import BundleWriter, Part, length_of
from hessweep.store import publish
from hessweep.store.files import accessing, committing
from hessweep.store.index import read_index
from hessweep.store.opening import open_groups
from hessweep.store.parquet import write_points
from hessweep.store.provenance import provenance
from hessweep.store.published import (
    FOLDER,
    METADATA,
    SUFFIX,
    chunk_paths,
    published_folder,
    read_metadata,
)
from hessweep.store.rows import read_stored
from hessweep.store.segments import FOLDER as SEGMENTS
from hessweep.store.segments import read_bytes, segments_folder
from hessweep.store.selection import select

POINTS, PROVENANCE, REPORT = "points.parquet", "provenance.json", "report.html"
"""Files of a bundle, beside those of the results folder."""

_ATTEMPTS = 3


@dataclass(frozen=True)
class Exported:
    """What `export` wrote."""

    points: int
    files: int
    bytes: int


@dataclass(frozen=True)
class _Published:
    """One published group as it was when the export began."""

    folder: Path
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the folder without `.zarr`."""
        return self.folder.name.removesuffix(SUFFIX)

    @property
    def arrays(self) -> dict[str, dict[str, Any]]:
        """The metadata of each array."""
        return dict(self.metadata["consolidated_metadata"]["metadata"])


def export(
    root: Path,
    target: Path,
    about: About,
    *,
    study_files: Mapping[str, Path] | None = None,
    with_segments: bool = True,
    force: bool = False,
) -> Exported:
    """Write a results folder as one zip file, in one step that is never half done.

    What is stored and not yet published is published first.

    Args:
        root: The results folder.
        target: The zip file.
        about: Title, authors and licence of the results.
        study_files: The study file and the files that it names, by their paths in the bundle's
            folder `study`; if None, those that were kept with the results.
        with_segments: Whether the segments go with it, without which nobody can check keys or
            compute points again.
        force: Whether a file that is there already may be replaced.

    Raises:
        QueryError: If nothing is stored there, or the target can not be a new file.
        InputError: If there are more files than a bundle can hold, or a name that it can not.
        DamagedStoreError: If a segment or a published group is damaged.
        StoreError: If points are stored faster than they can be exported.
        StoreAccessError: If files can not be read or written.
    """
    _check_target(target, force)
    segments, published = _agreeing(root)
    if not published:
        raise QueryError(f"{root}: there is no point to export; `hessweep run` computes a study")
    kept = segments if with_segments else []
    with (
        accessing(target, "write"),
        committing(target) as file,
        tempfile.TemporaryFile(dir=target.parent) as table,
    ):
        groups = [group for one in published for group in open_groups(one.folder)]
        points = write_points(table, groups)
        table.flush()
        origin = _origin(published, groups)
        of_study = kept_files(root) if study_files is None else study_files
        parts = _parts(root, about, published, of_study, table, bool(kept))
        parts[PROVENANCE] = (json.dumps(origin, indent=1) + "\n").encode()
        lengths = {name: length_of(part) for name, part in parts.items()}
        described = crate(about, lengths, _folders(published, bool(kept)), origin)
        with BundleWriter(file) as writer:
            writer.add(CRATE, described.encode())
            for name, part in parts.items():
                writer.add(name, part)
            for group in published:
                _add_group(writer, group)
            for name in kept:
                writer.add(f"{SEGMENTS}/{name}", read_bytes(segments_folder(root) / name))
        _check_target(target, force)
        size = file.tell()
    return Exported(points, writer.files, size)


def _check_target(target: Path, force: bool) -> None:
    if not target.parent.is_dir() or (target.exists() and not target.is_file()):
        raise QueryError(f"{target}: expected the path of a new file in a folder that is there")
    if target.exists() and not force:
        raise QueryError(f"{target}: it is there already; --force replaces it")


def _agreeing(root: Path) -> tuple[list[str], list[_Published]]:
    """Return the segments, and the groups that were published from exactly these."""
    for _ in range(_ATTEMPTS):
        publish(root)
        index = read_index(root)
        expected = {f"{group.slug}{SUFFIX}": group.digest for group in select(index.points)}
        folders = [published_folder(root) / name for name in expected]
        found = [_Published(folder, read_metadata(folder)) for folder in folders]
        if all(
            group.metadata["attributes"]["segments_digest"] == expected[group.folder.name]
            for group in found
        ):
            return sorted(index.segments), found
    raise StoreError(f"{root}: points are being stored there; export when that has ended")


def _parts(
    root: Path,
    about: About,
    published: list[_Published],
    study_files: Mapping[str, Path],
    table: IO[bytes],
    has_segments: bool,
) -> dict[str, Part]:
    """Return the files of a bundle that stand for themselves, by name."""
    names = [group.name for group in published]
    parts: dict[str, Part] = {
        README: readme(about, names, has_segments=has_segments).encode(),
        CITATION: citation(about).encode(),
        POINTS: table,
    }
    parts |= {f"{STUDY}/{name}": path for name, path in study_files.items()}
    if (root / REPORT).is_file():
        parts[REPORT] = root / REPORT
    return parts


def _folders(published: list[_Published], has_segments: bool) -> dict[str, str]:
    """Return the folders of a bundle, each with what is in it."""
    folders = {
        f"{FOLDER}/{group.folder.name}": "Zarr group of all points of the activation "
        f"{group.metadata['attributes']['activation']}: columns and eigenvalues"
        for group in published
    }
    if has_segments:
        folders[SEGMENTS] = "the points as they were stored, from which the rest was made"
    return folders


def _origin(published: list[_Published], groups: "list[zarr.Group]") -> dict[str, Any]:
    """Return what `provenance.json` says: what computed, published and exported the points."""
    by_label = {str(group.attrs["activation"]): group for group in groups}
    described = []
    for one in published:
        attributes = one.metadata["attributes"]
        source = by_label[attributes["activation"]]
        statuses = read_stored(source, "status")
        described.append(
            {
                "activation": attributes["activation"],
                "activation_spec": json.loads(attributes["activation_spec"]),
                "points": len(statuses),
                "failed": int((statuses == "failed").sum()),
                "kernel_versions": np.unique(read_stored(source, "kernel_version")).tolist(),
                "computed_with": [json.loads(text) for text in attributes["computed_with"]],
                "published_with": json.loads(attributes["published_with"]),
                "published_at": attributes["published_at"],
            }
        )
    exported_at = datetime.now(UTC).isoformat()
    return {"exported_at": exported_at, "exported_with": provenance(), "groups": described}


def _add_group(writer: BundleWriter, group: _Published) -> None:
    """Copy a group, all of one version.

    The chunks of a version stay until the next publish but one, so that they were whole if the
    group's metadata are the same afterwards. The metadata file of each array does not stay: a
    publish replaces it before those of the group, so that it is written from the latter.

    Raises:
        StoreError: If another version was published meanwhile.
    """
    prefix = f"{FOLDER}/{group.folder.name}"
    writer.add(f"{prefix}/{METADATA}", json.dumps(group.metadata, indent=1).encode())
    try:
        for name, array in group.arrays.items():
            writer.add(f"{prefix}/{name}/{METADATA}", json.dumps(array).encode())
            for path in chunk_paths(name, array):
                writer.add(f"{prefix}/{path.as_posix()}", group.folder / path)
        is_same = read_metadata(group.folder) == group.metadata
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise StoreError(
            f"{group.folder}: it was published anew while it was copied; export it again"
        )
