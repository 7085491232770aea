"""Activations whose kernel with offsets is a formula: there is no error to be estimated."""

from abc import abstractmethod
from typing import Any

from numpy import ndarray

from hessweep.activations.kernel import Activation
from hessweep.activations.offsets import HIGHEST, OffsetMeans


class OffsetClosedForm(Activation):
    """An activation with a formula for its kernel with offsets.

    A derived class with another g does not inherit the formula: unless it states its own, its
    kernel is a series again.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Drop the formula of the base class where g is another function."""
        super().__init_subclass__(**arguments)
        if "__call__" in vars(cls) and "offset_means" not in vars(cls):
            cls.offset_means = Activation.offset_means  # type: ignore[method-assign]
            cls.coarser_offset_duals = Activation.coarser_offset_duals  # type: ignore[method-assign,assignment]

    @abstractmethod
    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d`, by the formula."""

    def coarser_offset_duals(
        self,
        p: ndarray,  # noqa: ARG002  as the base class has them
        q: ndarray,  # noqa: ARG002
        c: ndarray,  # noqa: ARG002
        b: ndarray,  # noqa: ARG002
        d: ndarray,  # noqa: ARG002
    ) -> None:
        """Return None: there is no error but rounding."""
        return
