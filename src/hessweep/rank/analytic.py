"""What is known of each non-polynomial activation: its symmetry, and itself in ball arithmetic.

A new analytic activation of the package needs one entry in `THEORY` if the independence theorem
of docs/ranks.md holds for it, and one in `BALLS` to be certified by computation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from flint import arb, arb_series

from hessweep.activations import ACTIVATIONS, Activation, Polynomial
from hessweep.spectrum.accuracy import is_numeric


@dataclass(frozen=True)
class Theory:
    """The facts that turn weights into an exact rank (docs/ranks.md, theorem 3).

    The theorem: for rows `w_h` not zero and in different classes, the functions `g(w_h.x)` and
    `x_n g'(w_h.x)` are linearly independent, even modulo affine functions (for a homogeneous g:
    the latter, or the former, of each class). A class is one row, or a row and its negative
    where `reflection` is given.
    """

    at_zero: float
    """g(0)"""
    slope_at_zero: float
    """g'(0)"""
    reflection: tuple[float, float, float] | None
    """(s, a, b) with `g(-u) = s g(u) + a + b u`, s = ±1; None where g has no such symmetry."""
    homogeneous: bool = False
    """Whether `g(cu) = c g(u)` for c > 0: then classes are lines, and `u g'(u) = g(u)`."""


THEORY: dict[str, Theory] = {
    "erf": Theory(0, 1, (-1, 0, 0)),
    "sin": Theory(0, 1, (-1, 0, 0)),
    "tanh": Theory(0, 1, (-1, 0, 0)),
    "cos": Theory(1, 0, (1, 0, 0)),
    "gaussian": Theory(1, 0, (1, 0, 0)),
    "exp": Theory(1, 1, None),
    "sigmoid": Theory(0.5, 0.25, (-1, 1, 0)),
    "gelu": Theory(0, 0.5, (1, 0, -1)),
    "silu": Theory(0, 0.5, (1, 0, -1)),
    "swish": Theory(0, 0.5, (1, 0, -1)),
    "softplus": Theory(0.7, 0.5, (1, 0, -1)),  # g(0) = log 2; only that it is not 0 counts
    "relu": Theory(0, 0, (1, 0, -1), homogeneous=True),
}
"""Activations, by name, for which the independence theorem is proved."""


def theory(activation: Activation) -> Theory | None:
    """Return what is proved of an activation; None for a user's own, whatever its name."""
    return THEORY.get(activation.name) if _is_of_package(activation) else None


@dataclass(frozen=True)
class Ball:
    """An activation in ball arithmetic: enclosures, to the working precision."""

    g: Callable[[arb], arb]
    derivative: Callable[[arb], arb]
    kernel: Callable[[arb_series, arb_series, arb_series], arb_series] | None = None
    """K(p, q, c) on power series, from which all its derivatives follow; None: not elementary."""


def _phi(u: arb) -> arb:
    """Return the normal density."""
    return (-u * u / 2).exp() / (2 * arb.pi()).sqrt()


def _Phi(u: arb) -> arb:
    """Return the normal distribution function, without cancellation for u << 0."""
    return (-u / arb(2).sqrt()).erfc() / 2


def _sigmoid(u: arb) -> arb:
    return 1 / (1 + (-u).exp())


def _swish(beta: float = 1.0) -> Ball:
    return Ball(
        g=lambda u: u * _sigmoid(beta * u),
        derivative=lambda u: _sigmoid(beta * u) * (1 + beta * u * _sigmoid(-beta * u)),
    )


def _D(p: arb_series, q: arb_series, c: arb_series) -> arb_series:
    return (1 + p) * (1 + q) - c * c


def _gelu_kernel(p: arb_series, q: arb_series, c: arb_series) -> arb_series:
    D = _D(p, q, c)
    root, tau = D.sqrt(), 2 * arb.pi()
    first = (c * c + p * q * D) / ((1 + p) * (1 + q) * root * tau)
    return c / 4 + first + c * (c / root).atan() / tau


BALLS: dict[str, Callable[..., Ball]] = {
    "erf": lambda: Ball(
        g=lambda u: (u / arb(2).sqrt()).erf(),
        derivative=lambda u: 2 * _phi(u),
        kernel=lambda p, q, c: (c / _D(p, q, c).sqrt()).atan() * (2 / arb.pi()),
    ),
    "sin": lambda: Ball(
        g=lambda u: u.sin(),
        derivative=lambda u: u.cos(),
        kernel=lambda p, q, c: ((c - (p + q) / 2).exp() - (-c - (p + q) / 2).exp()) / 2,
    ),
    "cos": lambda: Ball(
        g=lambda u: u.cos(),
        derivative=lambda u: -u.sin(),
        kernel=lambda p, q, c: ((c - (p + q) / 2).exp() + (-c - (p + q) / 2).exp()) / 2,
    ),
    "exp": lambda: Ball(
        g=lambda u: u.exp(),
        derivative=lambda u: u.exp(),
        kernel=lambda p, q, c: ((p + q) / 2 + c).exp(),
    ),
    "gaussian": lambda: Ball(
        g=lambda u: (-u * u / 2).exp(),
        derivative=lambda u: -u * (-u * u / 2).exp(),
        kernel=lambda p, q, c: _D(p, q, c).rsqrt(),
    ),
    "gelu": lambda: Ball(
        g=lambda u: u * _Phi(u), derivative=lambda u: _Phi(u) + u * _phi(u), kernel=_gelu_kernel
    ),
    "tanh": lambda: Ball(g=lambda u: u.tanh(), derivative=lambda u: 1 / u.cosh() ** 2),
    "sigmoid": lambda: Ball(g=_sigmoid, derivative=lambda u: _sigmoid(u) * _sigmoid(-u)),
    "softplus": lambda: Ball(g=lambda u: u.exp().log1p(), derivative=_sigmoid),
    "silu": _swish,
    "swish": _swish,
}
"""Functions of an activation's parameters, by its name, for what balls can certify."""


def in_balls(activation: Activation) -> Ball | None:
    """Return an activation in ball arithmetic; None for a user's own, whatever its name."""
    make = BALLS.get(activation.name) if _is_of_package(activation) else None
    return make(**dict(activation.parameters)) if make else None


def is_closed_form(activation: Activation) -> bool:
    """Return whether the kernel's error is bounded, not estimated: a formula of the package."""
    known = isinstance(activation, Polynomial) or _is_of_package(activation)
    return known and not is_numeric(activation)


@lru_cache(maxsize=256)
def _is_of_package(activation: Activation) -> bool:
    make = ACTIVATIONS.get(activation.name)
    return make is not None and make(**dict(activation.parameters)) == activation
