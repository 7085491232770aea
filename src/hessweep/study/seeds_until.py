"""Seeds until a mean is known well enough: the rule, and what a study writes for it.

The rule sees the values of the first n seeds of one setup in the order of seeds, and nothing else:
neither times nor workers nor the order of work. So it ends every cell of a grid at the same seed
wherever and however often the sweep is run.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from hessweep.errors import did_you_mean
from hessweep.kinds import Kind
from hessweep.networks import MAX_SEED
from hessweep.study.messages import quote

AT_LEAST = 30
"""Seeds of each setup before the rule looks at them for the first time, if a study says nothing:
of few seeds a standard error may be small by chance."""

LEAST, MOST = 10, 1_000_000
"""The limits of `at_least` and `at_most`."""

End = Literal["error reached", "at most", "too few values", ""]
"""Why a setup takes no further seeds; empty while it does."""


@dataclass(frozen=True)
class Look:
    """What is known of the mean after some seeds of one setup."""

    seeds: int
    values: int
    """Seeds that have a value: those of points that failed have none."""
    mean: float
    """Of these values; nan if there are none."""
    relative_error: float
    """Standard error of the mean over its absolute value; nan where there is none, as of a mean
    of zero or of one value."""
    largest_share: float = math.nan
    """The largest absolute value over the sum of all of them: where it is large, the mean and its
    standard error hang on one seed. nan where all are zero."""


@dataclass(frozen=True)
class SeedsUntil(Sequence[int]):
    """Seeds from `start` on until the standard error of a mean is small enough.

    As a sequence it is all seeds that may be taken.
    """

    relative_error: float
    """What the standard error over the absolute value of the mean is to be, at most."""
    of: str
    """The column whose mean it is."""
    at_most: int
    at_least: int = AT_LEAST
    start: int = 0

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> range: ...
    def __getitem__(self, index: int | slice) -> int | range:
        """Return a seed by its place, or several."""
        return range(self.start, self.start + self.at_most)[index]

    def __len__(self) -> int:
        """Return how many seeds there are at most."""
        return self.at_most

    @property
    def written(self) -> dict[str, Any]:
        """What a study writes for it."""
        return {
            "until": {"relative_error": self.relative_error, "of": self.of},
            "at_least": self.at_least,
            "at_most": self.at_most,
            "start": self.start,
        }

    def numbers(self) -> Iterator[int]:
        """Yield after how many seeds the rule looks at the values, ascending.

        Each block has about a quarter of the seeds that were there before it.
        """
        number = self.at_least
        while number < self.at_most:
            yield number
            number = max(number + 10, math.ceil(number / 8) * 10)
        yield self.at_most

    def end(self, look: Look) -> End:
        """Return why the setup that was looked at takes no further seeds, if it takes none."""
        if 2 * look.values < look.seeds:
            return "too few values"
        if look.values >= self.at_least and look.relative_error <= self.relative_error:
            return "error reached"
        return "at most" if look.seeds >= self.at_most else ""

    def check_column(self, name: str, kinds: Collection[Kind]) -> None:
        """Refuse a column that has no numbers, or that has other ones each time.

        Args:
            name: What the sweep says as `kind`.
            kinds: The kinds of measurement that it stands for.

        Raises:
            ValueError: If it is not a column of numbers of all these kinds.
        """
        known = [
            column.name
            for column in next(iter(kinds)).columns
            if column.dtype != "str"
            and not column.is_wall_time
            and all(column in kind.columns for kind in kinds)
        ]
        if self.of not in known:
            raise ValueError(
                f"seeds: until.of: expected a column of numbers of kind {name}, but no time, "
                f"got {quote(self.of)}{did_you_mean(self.of, known)}; there are {', '.join(known)}"
            )

    def __str__(self) -> str:
        """Say it in words."""
        return (
            f"from {self.start} on until the standard error of {self.of} is "
            f"{100 * self.relative_error:.3g}\u202f% of its mean, {self.at_least:,} to "
            f"{self.at_most:,} of them"
        )


def look_at(values: Sequence[float]) -> Look:
    """Return what the values of a setup's seeds say of their mean.

    Args:
        values: A value a seed, in the order of seeds; nan or infinite where there is none.
    """
    given = np.asarray(values, float)
    usable = given[np.isfinite(given)]
    count = len(usable)
    if not count:
        return Look(len(given), 0, math.nan, math.nan)
    # Values near the limits of float64 have squares beyond them; a power of two rounds nothing.
    _, exponent = math.frexp(float(np.abs(usable).max()))
    unit = math.ldexp(1.0, exponent - 1)
    scaled = usable / unit
    mean = math.fsum(scaled) / count
    total = math.fsum(np.abs(scaled))
    share = float(np.abs(scaled).max()) / total if total else math.nan
    if count < 2 or mean == 0:
        return Look(len(given), count, mean * unit, math.nan, share)
    variance = math.fsum((scaled - mean) ** 2) / (count - 1)
    return Look(len(given), count, mean * unit, math.sqrt(variance / count) / abs(mean), share)


def read_seeds_until(value: Mapping[Any, Any]) -> SeedsUntil:
    """Return the rule that a mapping such as this one stands for.

    `{until: {relative_error: 0.01, of: lambda_min}, at_least: 30, at_most: 5000, start: 0}`

    Raises:
        ValueError: If a key is missing or unknown, or a value is not one that it takes.
    """
    _check_keys("", value, required=("until", "at_most"), optional=("at_least", "start"))
    until = value["until"]
    if not isinstance(until, Mapping):
        raise ValueError(
            "until: expected a mapping such as {relative_error: 0.01, of: lambda_min}, got "
            f"{quote(until)}"
        )
    _check_keys("until.", until, required=("relative_error", "of"), optional=())
    error, column = until["relative_error"], until["of"]
    if isinstance(error, bool) or not isinstance(error, int | float) or not 0 < error < 1:
        raise ValueError(
            f"until.relative_error: expected a number between 0 and 1, got {quote(error)}"
        )
    if not isinstance(column, str):
        raise ValueError(f"until.of: expected the name of a column, got {quote(column)}")
    at_most = _whole("at_most", value["at_most"], LEAST, MOST)
    at_least = _whole("at_least", value.get("at_least", min(AT_LEAST, at_most)), LEAST, at_most)
    start = _whole("start", value.get("start", 0), 0, MAX_SEED - at_most + 1)
    return SeedsUntil(float(error), column, at_most, at_least, start)


def _check_keys(
    place: str, value: Mapping[Any, Any], required: Sequence[str], optional: Sequence[str]
) -> None:
    known = (*required, *optional)
    for key in value:
        if key not in known:
            raise ValueError(
                f"{place}{key}: unknown key{did_you_mean(str(key), known)}; "
                f"allowed are {', '.join(known)}"
            )
    for key in required:
        if key not in value:
            raise ValueError(f"{place}{key}: missing; this key is required")


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(
            f"{name}: expected a whole number from {least:,} to {most:,}, got {quote(value)}"
        )
    return value


_COUNT = {"type": "integer", "minimum": LEAST, "maximum": MOST}
SCHEMA = {
    "type": "object",
    "properties": {
        "until": {
            "type": "object",
            "properties": {
                "relative_error": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 1,
                },
                "of": {"type": "string"},
            },
            "required": ["relative_error", "of"],
            "additionalProperties": False,
        },
        "at_least": _COUNT,
        "at_most": _COUNT,
        "start": {"type": "integer", "minimum": 0},
    },
    "required": ["until", "at_most"],
    "additionalProperties": False,
}
"""The part of the JSON schema of a study that describes it."""
