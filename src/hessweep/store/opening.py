"""Opening the published store as an `xarray.DataTree`."""

from pathlib import Path

import xarray as xr

from hessweep.errors import DamagedStoreError, QueryError
from hessweep.store.files import accessing
from hessweep.store.publishing import (
    METADATA,
    SUFFIX,
    chunk_paths,
    published_folder,
    read_metadata,
)


def open_results(path: str | Path) -> xr.DataTree:
    """Open published results, lazily.

    Args:
        path: A study's results folder, the `published` folder in it, or one activation's group.

    Returns:
        One dataset an activation, named as its folder is (`results["erf"]`): dimensions `point`,
        `eigenvalue` and `node`, with `row_size` and `node_size` the number of eigenvalues and of
        nodes of its density that each point has.

    Raises:
        QueryError: If nothing is published there.
        DamagedStoreError: If metadata or files of a group are damaged or missing.
        StoreAccessError: If it can not be read.
    """
    path = Path(path)
    with accessing(path, "open"):
        groups = _find_groups(path)
    if not groups:
        raise QueryError(
            f"{path}: expected a results folder, its `published` folder or a group in it, found "
            "nothing published; `hessweep run` computes and publishes a study"
        )
    datasets = {group.name.removesuffix(SUFFIX): _open_group(group) for group in groups}
    return xr.DataTree.from_dict(datasets)


def _find_groups(path: Path) -> list[Path]:
    if (path / METADATA).is_file():
        return [path]
    folder = published_folder(path) if published_folder(path).is_dir() else path
    return sorted(group for group in folder.glob(f"*{SUFFIX}") if (group / METADATA).is_file())


def _open_group(folder: Path) -> xr.Dataset:
    metadata = read_metadata(folder)
    for name, array in metadata["consolidated_metadata"]["metadata"].items():
        # Zarr reads a chunk that is not there as fill values, without a word.
        if missing := [path for path in chunk_paths(name, array) if not (folder / path).is_file()]:
            raise DamagedStoreError(f"{folder}: {missing[0]} is missing; repair rebuilds it")
    with accessing(folder, "open"):
        return xr.open_zarr(folder, chunks=None, consolidated=True)
