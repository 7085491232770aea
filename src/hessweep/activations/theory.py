"""What the independence theorem needs to know about an activation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theory:
    """The facts about an activation that turn weights into an exact rank.

    They may be stated only for activations for which the independence theorem (docs/ranks.md,
    sec. 5) is proved: for rows `w_h` that are not zero and belong to different classes, the
    functions `g(w_h.x)` and `x_n g'(w_h.x)` are linearly independent, even modulo affine
    functions. For a homogeneous g the theorem holds for either the `x_n g'(w_h.x)` or the
    `g(w_h.x)` of each class. A class is one row, or a row and its negative if `reflection` is
    given.
    """

    at_zero: float
    """g(0). Only whether it is zero matters for the rank."""
    slope_at_zero: float
    """g'(0). Only whether it is zero matters for the rank."""
    reflection: tuple[float, float, float] | None
    """(s, a, b) with `g(-u) = s g(u) + a + b u` and s = ±1; None if g has no such symmetry."""
    homogeneous: bool = False
    """Whether `g(cu) = c g(u)` for c > 0: then classes are lines, and `u g'(u) = g(u)`."""
