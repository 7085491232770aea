"""Opening the published store: as an `xarray.DataTree`, or as the Zarr groups within."""

from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.errors import DamagedStoreError, QueryError, StoreError
from hessweep.store.files import accessing
from hessweep.store.published import SUFFIX, chunk_paths, find_groups, read_metadata
from hessweep.store.schema import FORMAT

if TYPE_CHECKING:
    import xarray as xr
    import zarr


def open_results(path: str | Path) -> "xr.DataTree":
    """Open published results, lazily.

    Args:
        path: A study's results folder, the `published` folder in it, or one activation's group.

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
    for folder in _check_groups(Path(path)):
        with accessing(folder, "open"):
            datasets[folder.name.removesuffix(SUFFIX)] = xr.open_zarr(
                folder, chunks=None, consolidated=True
            )
    return xr.DataTree.from_dict(datasets)


def open_groups(path: str | Path) -> "list[zarr.Group]":
    """Open published results as `open_results` does, but as Zarr groups, which is twice as fast.

    Raises:
        QueryError: If nothing is published there.
        DamagedStoreError: If metadata or files of a group are damaged or missing.
        StoreError: If a version of hessweep with another format published a group.
        StoreAccessError: If it can not be read.
    """
    import zarr

    groups = []
    for folder in _check_groups(Path(path)):
        with accessing(folder, "open"):
            groups.append(zarr.open_group(folder, mode="r", use_consolidated=True))
    return groups


def _check_groups(path: Path) -> list[Path]:
    """Return the folders of the groups, after a look at their metadata and for their chunks."""
    with accessing(path, "open"):
        folders = find_groups(path)
    if not folders:
        raise QueryError(
            f"{path}: expected a results folder, its `published` folder or a group in it, found "
            "nothing published; `hessweep run` computes and publishes a study"
        )
    for folder in folders:
        metadata = read_metadata(folder)
        if (found := metadata["attributes"].get("hessweep_format")) != FORMAT:
            raise StoreError(
                f"{folder}: another version of hessweep published it, in format {found} and not "
                f"{FORMAT}; `hessweep publish`, or the next run, publishes it anew"
            )
        arrays = metadata["consolidated_metadata"]["metadata"]
        for name, array in arrays.items():
            # Zarr reads a chunk that is not there as fill values, without a word.
            chunks = chunk_paths(name, array)
            if missing := [chunk for chunk in chunks if not (folder / chunk).is_file()]:
                raise DamagedStoreError(f"{folder}: {missing[0]} is missing; repair rebuilds it")
    return folders
