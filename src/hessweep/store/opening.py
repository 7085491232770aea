"""Opening the published store: as an `xarray.DataTree`, or as the Zarr groups within."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from hessweep.address import Address, root_of
from hessweep.errors import DamagedStoreError, QueryError, StoreError
from hessweep.store.archive import open_archive
from hessweep.store.files import accessing
from hessweep.store.published import (
    FOLDER,
    METADATA,
    SUFFIX,
    chunk_paths,
    find_groups,
    parse_metadata,
    read_metadata,
)
from hessweep.store.schema import FORMAT

if TYPE_CHECKING:
    import xarray as xr
    import zarr


@dataclass(frozen=True)
class _Place:
    """Where one published group is."""

    path: PurePath | Address
    """Its folder, or where it is below the bundle or the address."""
    store: Any
    """What Zarr and xarray open: the folder, or a place in a bundle or behind an address."""
    address: str
    """How a person writes where it is."""


def open_results(path: str | Path | Address) -> "xr.DataTree":
    """Open published results, lazily.

    Args:
        path: A study's results folder, the `published` folder in it, or one activation's group;
            the address of one of these, as in `https://example.org/results/mine` or
            `s3://bucket/results/mine`; or a bundle that `hessweep export` wrote. Everything is
            read where it is.

    Returns:
        One dataset an activation, named as its folder is (`results["erf"]`): dimensions `point`
        and `eigenvalue`, with `row_size` the number of eigenvalues that each point has. Where
        there are points of other kinds of measurement, the dataset has their arrays too, such as
        those along `node` with `node_size`, the number of nodes of each point's density.

    Raises:
        QueryError: If nothing is published there.
        DamagedStoreError: If metadata or files of a group are damaged or missing.
        StoreError: If a version of hessweep with another format published a group.
        StoreAccessError: If it can not be read.
    """
    import xarray as xr

    datasets = {}
    for place in _places(path):
        with accessing(place.path, "open"):
            datasets[place.path.name.removesuffix(SUFFIX)] = xr.open_zarr(
                place.store, chunks=None, consolidated=True
            )
    return xr.DataTree.from_dict(datasets)


def open_groups(path: str | Path | Address) -> "list[zarr.Group]":
    """Open published results as `open_results` does, but as Zarr groups, which is twice as fast.

    Raises:
        QueryError: If nothing is published there.
        DamagedStoreError: If metadata or files of a group are damaged or missing.
        StoreError: If a version of hessweep with another format published a group.
        StoreAccessError: If it can not be read.
    """
    import zarr

    groups = []
    for place in _places(path):
        with accessing(place.path, "open"):
            groups.append(zarr.open_group(place.store, mode="r", use_consolidated=True))
    return groups


def _places(where: str | Path | Address) -> list[_Place]:
    """Return where the groups are, after a look at their metadata and for their chunks."""
    if is_web_address(where):
        return list(_at_address(str(where)))
    path = root_of(where)
    with accessing(path, "open"):
        if isinstance(path, Address):
            found = list(_on_object_store(path))
        else:
            found = list(_in_bundle(path) if path.is_file() else _in_folder(path))
    if not found:
        raise QueryError(
            f"{path}: expected a results folder, its `published` folder or a group in it, found "
            "nothing published; `hessweep run` computes and publishes a study"
        )
    return found


def _in_folder(path: Path) -> Iterator[_Place]:
    for folder in find_groups(path):
        chunks = _check_format(folder, read_metadata(folder))
        _check_chunks(folder, [chunk for chunk in chunks if not (folder / chunk).is_file()])
        yield _Place(folder, folder, str(folder))


def _in_bundle(path: Path) -> Iterator[_Place]:
    import zarr
    from zarr.storage import ZipStore

    archive = open_archive(path)
    if missing := archive.manifest().keys() - archive.members.keys():
        raise DamagedStoreError(f"{path}: {min(missing)} is missing; have it exported again")
    store = ZipStore(path, mode="r")
    for name in sorted(archive.members):
        first, _, rest = name.partition("/")
        group, _, last = rest.partition("/")
        if first == FOLDER and group.endswith(SUFFIX) and last == METADATA:
            prefix = f"{first}/{group}"
            chunks = _check_format(path / prefix, parse_metadata(archive.read(name), path / name))
            absent = [c for c in chunks if f"{prefix}/{c.as_posix()}" not in archive.members]
            _check_chunks(path / prefix, absent)
            opened = zarr.open_group(store, path=prefix, mode="r", use_consolidated=True)
            yield _Place(path / prefix, opened.store_path, str(path / prefix))


def _at_address(address: str) -> Iterator[_Place]:
    """Yield the groups at an address; a chunk that is not there is found when it is read."""
    from hessweep.store.remote import open_remote, remote_groups

    for group, content in remote_groups(address):
        _check_format(group, parse_metadata(content, group))
        yield _Place(PurePosixPath(group), open_remote(group), group)


def _on_object_store(address: Address) -> Iterator[_Place]:
    """Yield the groups on an object store; a chunk that is not there is found when it is read."""
    from hessweep.store.objects.opening import published_places
    from hessweep.store.objects.zarr_store import zarr_store

    for place in published_places(address):
        _check_format(place.address, parse_metadata(place.metadata, place.address))
        yield _Place(place.address, zarr_store(place.address), str(place.address))


def is_web_address(where: object) -> bool:
    """Return whether it is the address of results on a web server."""
    return str(where).startswith(("http://", "https://"))


def group_addresses(where: str | Path | Address) -> dict[str, str]:
    """Return what `xarray.open_zarr` opens of each published group, by the group's name.

    Raises:
        QueryError: If nothing is published there.
        DamagedStoreError: If metadata or files of a group are damaged or missing.
        StoreAccessError: If it can not be read.
    """
    return {place.path.name.removesuffix(SUFFIX): place.address for place in _places(where)}


def _check_format(path: PurePath | Address | str, metadata: dict[str, Any]) -> list[Path]:
    """Return the chunks that a group must have, by its metadata, whose format is checked."""
    if (found := metadata["attributes"].get("hessweep_format")) != FORMAT:
        raise StoreError(
            f"{path}: another version of hessweep published it, in format {found} and not "
            f"{FORMAT}; `hessweep publish`, or the next run, publishes it anew"
        )
    arrays = metadata["consolidated_metadata"]["metadata"]
    return [chunk for name, array in arrays.items() for chunk in chunk_paths(name, array)]


def _check_chunks(path: Path, absent: list[Path]) -> None:
    """Refuse a group without all its chunks: Zarr would read fill values, without a word."""
    if absent:
        raise DamagedStoreError(f"{path}: {absent[0]} is missing; repair rebuilds it")
