"""The sizes of a network and the order of its parameters."""

import numpy as np

from hessweep.errors import ShapeError


def check_sizes(N_i: int, N_h: int) -> None:
    """Check that both sizes are whole numbers of at least 1.

    Raises:
        ShapeError: If one of them is not.
    """
    for name, size in (("N_i", N_i), ("N_h", N_h)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ShapeError(f"{name}: expected a whole number of at least 1, got {size!r}")
