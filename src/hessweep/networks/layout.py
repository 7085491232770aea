"""The sizes of a network and the order of its parameters."""

from dataclasses import dataclass

import numpy as np

from hessweep.errors import ShapeError


def check_sizes(N_i: int, N_h: int, N_o: int = 1) -> None:
    """Raise unless all sizes are whole numbers of at least 1.

    Raises:
        ShapeError: If they are not.
    """
    for name, size in (("N_i", N_i), ("N_h", N_h), ("N_o", N_o)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ShapeError(f"{name}: expected a whole number of at least 1, got {size!r}")


@dataclass(frozen=True)
class Layout:
    """Where each layer's parameters are in the vector of all of them.

    The order is `W1` row by row, `b1`, `W2` row by row, `b2`; biases that a network does not have
    take no place.
    """

    N_i: int
    """Number of inputs."""
    N_h: int
    """Number of hidden neurons."""
    N_o: int = 1
    """Number of outputs."""
    hidden_biases: bool = False
    """Whether the hidden neurons have biases, `b1`."""
    output_biases: bool = False
    """Whether the outputs have biases, `b2`."""

    @property
    def W1(self) -> slice:
        """First layer, `N_h N_i` weights."""
        return slice(0, self.N_h * self.N_i)

    @property
    def b1(self) -> slice:
        """Hidden biases: `N_h`, or none."""
        return slice(self.W1.stop, self.W1.stop + self.N_h * self.hidden_biases)

    @property
    def W2(self) -> slice:
        """Second layer, `N_o N_h` weights."""
        return slice(self.b1.stop, self.b1.stop + self.N_o * self.N_h)

    @property
    def b2(self) -> slice:
        """Output biases: `N_o`, or none."""
        return slice(self.W2.stop, self.W2.stop + self.N_o * self.output_biases)

    @property
    def P(self) -> int:
        """Number of parameters, `N_h (N_i + N_o)` plus that of the biases."""
        return self.b2.stop
