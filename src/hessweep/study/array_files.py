"""Files of arrays beside a study, .npy and .npz. No code or pickle is ever loaded from one."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from hessweep.networks import StoredArrays
from hessweep.study.messages import quote
from hessweep.study.paths import expand

MAX_BYTES = 2**31
"""A larger file is a mistake: each worker gets a copy of it."""


def read_npy(value: Any, folder: Path) -> StoredArrays:
    """Return the one array of a .npy file, under the name `array`.

    Args:
        value: The path, as the study gives it.
        folder: The folder of the study, from which a relative path counts.

    Raises:
        ValueError: If it is no path of a .npy file of real numbers that can be read.
    """
    return _read(value, folder, ".npy")


def read_npz(value: Any, folder: Path) -> StoredArrays:
    """Return the arrays of a .npz file.

    Raises:
        ValueError: If it is no path of a .npz file of real numbers that can be read.
    """
    return _read(value, folder, ".npz")


def _read(value: Any, folder: Path, suffix: str) -> StoredArrays:
    if not isinstance(value, str) or not value.endswith(suffix):
        raise ValueError(f"expected the path of a {suffix} file, got {quote(value)}")
    path = folder / expand(value)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path}: expected a file of at most {MAX_BYTES:,} bytes")
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                arrays = {"array": loaded}
            else:
                arrays = {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise ValueError(
            f"{path}: expected a {suffix} file that can be read, got: {error.strerror or error}"
        ) from None
    except (EOFError, BadZipFile, ValueError, MemoryError, KeyError) as error:
        if isinstance(error, ValueError) and str(error).startswith(f"{path}:"):
            raise
        raise ValueError(f"{path}: {_reason(error, suffix)}") from None
    if (suffix == ".npy") != ("array" in arrays and len(arrays) == 1):
        raise ValueError(
            f"{path}: expected what numpy.save{'z' * (suffix == '.npz')} writes, got the other "
            "kind of file"
        )
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{path}: {name}: expected real numbers, got the type {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got nan or infinity")
    return StoredArrays(arrays, str(path))


def _reason(error: Exception, suffix: str) -> str:
    if "pickle" in str(error):
        return (
            "expected an array of numbers, got Python objects, which could run code and are never "
            "loaded; save numpy.asarray(values, dtype=float)"
        )
    what = "numpy.save" if suffix == ".npy" else "numpy.savez"
    return f"expected a file that {what} wrote, got one that NumPy can not read ({error})"
