"""Laws of the inputs as a study names them: for any number of inputs, written as one short text.

A text is `standard`, or parts such as `power-law(1)`, `diagonal(1,0.5,0)`, `rank(2)`,
`covariance(<sha256>)`, `mean(0.5)` or `mean(<sha256>)`, a covariance before a mean.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError, ShapeError
from hessweep.networks.inputs import Inputs
from hessweep.networks.stored_arrays import StoredArrays, find_arrays

STANDARD = "standard"
"""The text of independent standard normal inputs."""

LARGEST_EXPONENT = 100.0
_PART = re.compile(r"([a-z-]+)\(([^()]*)\)")
_HASH = re.compile(r"[0-9a-f]{64}")
COVARIANCES = ("power-law", "diagonal", "rank", "covariance")


@dataclass(frozen=True)
class InputLaw:
    """A law of normal inputs.

    Args:
        covariance: `("power-law", exponent)`: the variance of input k is proportional to
            `k^-exponent`, with the sum N_i; `("diagonal", variances)`; `("rank", s)`: the first s
            inputs have the variance N_i / s, the others are 0; `("covariance", hash)`: a matrix
            or a diagonal from a file; None for the identity.
        mean: A number, the mean of each input; several; the hash of a file; None for 0.

    Raises:
        InputError: If a number is outside its range.
    """

    covariance: tuple[str, float | tuple[float, ...] | str] | None = None
    mean: float | tuple[float, ...] | str | None = None

    def __post_init__(self) -> None:
        """Check the numbers; what changes nothing is left out."""
        if self.mean == 0 or (isinstance(self.mean, tuple) and not any(self.mean)):
            object.__setattr__(self, "mean", None)
        if self.covariance == ("power-law", 0):
            object.__setattr__(self, "covariance", None)
        if self.covariance is None:
            return
        kind, value = self.covariance
        if kind not in COVARIANCES:
            raise InputError(f"covariance: expected one of {', '.join(COVARIANCES)}, got {kind!r}")
        if kind == "power-law" and not 0 <= _number(value) <= LARGEST_EXPONENT:
            raise InputError(
                f"exponent: expected a number from 0 to {LARGEST_EXPONENT:g}, got {value!r}"
            )
        if kind == "rank" and not (_number(value) >= 1 and _number(value).is_integer()):
            raise InputError(f"rank: expected a whole number of at least 1, got {value!r}")

    @classmethod
    def parse(cls, text: str) -> "InputLaw":
        """Return the law that a text names.

        Raises:
            InputError: If it names none.
        """
        if text == STANDARD:
            return cls()
        parts = [_PART.fullmatch(part) for part in text.split(" ")]
        named = {part[1]: part[2] for part in parts if part is not None}
        kinds = [kind for kind in named if kind in COVARIANCES]
        if None in parts or len(named) < len(parts) or len(kinds) + ("mean" in named) < len(named):
            raise InputError(
                f"inputs: expected {STANDARD!r} or a text such as 'power-law(1) mean(0.5)', got "
                f"{text!r}"
            )
        if len(kinds) > 1:
            raise InputError(f"inputs: expected one covariance, got {' and '.join(kinds)}")
        covariance = None
        for kind in kinds:
            value = _value(named[kind])
            # One variance is a diagonal as well.
            several = kind == "diagonal" and isinstance(value, float)
            covariance = (kind, (value,) if several else value)
        mean = _value(named["mean"]) if "mean" in named else None
        return cls(covariance, mean)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        parts = (
            []
            if self.covariance is None
            else [f"{self.covariance[0]}({_text(self.covariance[1])})"]
        )
        if self.mean is not None:
            parts.append(f"mean({_text(self.mean)})")
        return " ".join(parts) or STANDARD

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of the files that it needs."""
        values = (self.covariance[1] if self.covariance else None, self.mean)
        return tuple(value for value in values if isinstance(value, str))

    def inputs(self, N_i: int, files: Sequence[StoredArrays] = ()) -> Inputs | None:
        """Return the law of that many inputs; None where they are standard normal.

        Args:
            N_i: Number of inputs.
            files: The files that the law may need.

        Raises:
            ShapeError: If the law does not fit that many inputs.
            InputError: If a file is missing, or holds no covariance.
        """
        covariance, mean = self._covariance(N_i, files), self._mean(N_i, files)
        if covariance is None and mean is None:
            return None
        for name, array in (("covariance", covariance), ("mean", mean)):
            if array is not None and len(array) != N_i:
                raise ShapeError(
                    f"inputs: expected a {name} of {N_i} inputs, as N_i says, got one of "
                    f"{len(array)}"
                )
        return Inputs(mean, covariance)

    def _covariance(self, N_i: int, files: Sequence[StoredArrays]) -> ndarray | None:
        if self.covariance is None:
            return None
        kind, value = self.covariance
        if kind == "power-law":
            return power_law(N_i, _number(value))
        if kind == "rank":
            s = int(_number(value))
            if s > N_i:
                raise ShapeError(f"inputs: expected a rank of at most N_i = {N_i}, got {s}")
            return np.where(np.arange(N_i) < s, N_i / s, 0.0)
        if isinstance(value, str):
            return find_arrays(value, files, "covariance")["array"]
        return np.array(value)

    def _mean(self, N_i: int, files: Sequence[StoredArrays]) -> ndarray | None:
        if self.mean is None:
            return None
        if isinstance(self.mean, str):
            return find_arrays(self.mean, files, "mean")["array"]
        return np.full(N_i, self.mean) if isinstance(self.mean, float) else np.array(self.mean)


def power_law(N_i: int, exponent: float) -> Float[ndarray, " N_i"]:
    """Return variances proportional to `k^-exponent`, k = 1, 2, …, whose sum is N_i."""
    variances = np.arange(1.0, N_i + 1) ** -exponent
    return variances * (N_i / variances.sum())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _value(text: str) -> float | tuple[float, ...] | str:
    if _HASH.fullmatch(text):
        return text
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"inputs: expected numbers, got {text!r}") from None
    if not np.isfinite(numbers).all():
        raise InputError(f"inputs: expected finite numbers, got {text!r}")
    return numbers if len(numbers) > 1 else numbers[0]


def _text(value: float | tuple[float, ...] | str) -> str:
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    return ",".join(repr(float(number)).removesuffix(".0") for number in numbers)
