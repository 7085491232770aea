"""What a kind of measurement is to the rest of the package.

A kind says which columns and ragged arrays it stores, what a point of it costs, how the points of
one setup are computed, and how a result that was computed again is compared with a stored one.
Nothing else in the package depends on the name of a kind. The mathematics is imported when a point
is computed: a query needs the columns alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hessweep.columns import Column, Ragged
from hessweep.kinds.columns import SCALARS, SPECTRUM
from hessweep.kinds.result import PointResult

if TYPE_CHECKING:
    from hessweep.setup import Setup

SMALLEST_SECONDS = 5e-5
"""Time that the smallest point of any kind takes."""


@dataclass(frozen=True)
class Cost:
    """What one point of a setup is predicted to cost."""

    seconds: float
    """Time on one core of a laptop, without the point's bookkeeping and storage."""
    peak_bytes: int
    """Peak memory, beyond what a worker process holds anyway."""
    stored_values: int
    """Numbers that are stored of the point."""


class Kind(ABC):
    """A kind of measurement: one of them is chosen for each sweep."""

    name: ClassVar[str]
    revision: ClassVar[int] = 0
    """Raised when a change to this kind alters the numbers that are stored for it."""
    general_revision: ClassVar[int] = 0
    """Raised when it alters those of networks of two layers with biases, several outputs or other
    inputs alone."""
    deep_revision: ClassVar[int] = 0
    """Raised when it alters those of networks of more layers alone."""
    samples_revision: ClassVar[int] = 0
    """Raised when it alters those of batch Hessians alone."""
    columns: ClassVar[tuple[Column, ...]] = SCALARS
    """The scalars that it stores of each point."""
    ragged: ClassVar[tuple[Ragged, ...]] = (SPECTRUM,)
    """The ragged arrays that it stores."""
    has_full_spectrum: ClassVar[bool] = False
    """Whether all P eigenvalues are stored."""
    precedence: ClassVar[int] = 0
    """Of two kinds that are stored of one teacher, tables show the one of higher precedence."""
    takes_training: ClassVar[bool] = False
    """Whether a sweep of this kind says how students are trained."""
    takes_students: ClassVar[bool] = False
    """Whether it can measure students with more neurons than their teacher."""
    takes_deep: ClassVar[bool] = False
    """Whether it measures networks of more than two layers."""
    takes_samples: ClassVar[bool] = False
    """Whether it also measures the batch Hessian of finitely many inputs."""
    takes_error: ClassVar[bool] = False
    """Whether it estimates, to a relative error that a sweep of this kind may ask for."""
    lighter: ClassVar[str | None] = None
    """The name of a kind that fits less memory and can be asked for instead, if there is one."""

    def refusal(self, setup: "Setup") -> str:
        """Return why this kind can not measure the networks of a setup, or nothing if it can."""
        if setup.is_wide and not (self.takes_students and setup.is_plain):
            return (
                f"student: {setup.student}: kind {self.name} does not take it; wide students are "
                "there for kinds exact and training, without biases and with one output"
            )
        if setup.is_wide:
            from hessweep.networks import Student

            return Student.parse(setup.student).refusal(setup.activation)
        if setup.is_deep and not self.takes_deep:
            return f"kind {self.name} takes networks of two layers only"
        return ""

    def foreseen(self, setup: "Setup") -> str:
        """Return in words how a deep network will be measured; nothing for two layers."""
        if not setup.is_deep:
            return ""
        from hessweep.kinds.deep import plan_of

        return plan_of(setup).in_words

    @abstractmethod
    def cost(self, setup: "Setup") -> Cost:
        """Return the predicted cost of one point."""

    @abstractmethod
    def compute(self, setup: "Setup", seeds: Sequence[int]) -> Sequence[PointResult]:
        """Return the result of each seed, the same to the bit whichever seeds come together.

        Exceptions of the mathematics and of a user's activation are passed on.
        """

    @abstractmethod
    def deviations(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield the names of values of a point that differ by more than the stated errors.

        Args:
            one: The values of the point by column, flat arrays among them.
            other: Its values as they were computed another time, perhaps on a machine of another
                kind or by another version.
        """

    def differences(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield the names of values that are not the same to the bit, except for times.

        Args:
            one: The values of the point by column, flat arrays among them.
            other: Its values as they were computed with the same processor and libraries. Columns
                that one of the two lacks, as older segments do, are skipped.
        """
        flat = [column for ragged in self.ragged for column in ragged.columns]
        for column in (*self.columns, *flat):
            if column.is_wall_time or column.name not in one or column.name not in other:
                continue
            first, second = (
                np.asarray(values[column.name], dtype=column.numpy_dtype)
                for values in (one, other)
            )
            same = (
                first == second if column.dtype == "str" else first.tobytes() == second.tobytes()
            )
            if not same:
                yield column.name
