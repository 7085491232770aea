"""Arrays of weights as a user gives them."""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError


def real_array(name: str, values: Any) -> Float[ndarray, "*shape"]:
    """Return a float64 copy of an array of real numbers.

    Args:
        name: What the values are, for messages.
        values: An array, or nested lists.

    Raises:
        InputError: If they are not real numbers, or too large for float64.
    """
    try:
        given = np.asarray(values)
        if np.iscomplexobj(given):
            raise InputError(f"{name}: expected real numbers, got complex ones ({given.dtype})")
        if values is None or (given.dtype == object and None in given.ravel().tolist()):
            raise InputError(f"{name}: expected an array of real numbers, got None")
        return np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: expected an array of real numbers, got {error}") from error
