"""Arrays that a user's file holds, with the hash of their content as their identity."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy import ndarray

from hessweep.errors import InputError


@dataclass(frozen=True, eq=False)
class StoredArrays:
    """The arrays of one file, by name. They are copied as read-only float64.

    Names, shapes and numbers are the identity; the file's path and how it was written are not.
    """

    arrays: Mapping[str, ndarray]
    file: str = field(default="")
    """The path of the file, for messages."""

    def __post_init__(self) -> None:
        """Copy the arrays, so that nothing changes them later."""
        copies = {}
        for name in sorted(self.arrays):
            copies[name] = np.array(self.arrays[name], dtype="<f8", order="C")
            copies[name].flags.writeable = False
        object.__setattr__(self, "arrays", copies)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of names, shapes and numbers, in hexadecimal digits."""
        digest = hashlib.sha256()
        for name, array in self.arrays.items():
            # Adding 0 turns -0 into 0: equal numbers have equal hashes.
            digest.update(f"{name} {array.shape}\n".encode() + (array + 0.0).tobytes())
        return digest.hexdigest()

    def __getitem__(self, name: str) -> ndarray:
        """Return an array by its name."""
        return self.arrays[name]


def find_arrays(sha256: str, files: Iterable[StoredArrays], what: str) -> StoredArrays:
    """Return the file of that content.

    Args:
        sha256: The hash of the content.
        files: The files that are at hand.
        what: What needs it, for the message.

    Raises:
        InputError: If none of them has it.
    """
    for file in files:
        if file.sha256 == sha256:
            return file
    raise InputError(
        f"{what}: expected a file with the content {sha256[:8]}…, got none; give the study that "
        "names the file"
    )
