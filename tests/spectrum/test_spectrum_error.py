"""The error bound against inertias of the exact Hessian in ball arithmetic."""

import sys
from dataclasses import dataclass
from math import factorial

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mpoly_ctx
from inertia import eigenvalues_below
from scipy import special

from hessweep.activations import Polynomial, activation
from hessweep.activations.numeric import Numeric
from hessweep.density import converged_eigenvalues, extreme_eigenvalues
from hessweep.networks import Network, sample_weights
from hessweep.spectrum import spectrum_with_error
from hessweep.spectrum.solver import solver_error

BITS = 400


def erf_kernel(p: arb, q: arb, c: arb) -> dict[str, arb]:
    """Return K and its derivatives from the table in docs/mathematics.md, term by term."""
    D = (1 + p) * (1 + q) - c * c
    pi, root = arb.pi(), D.sqrt()
    return {
        "": 2 / pi * (c / ((1 + p) * (1 + q)).sqrt()).asin(),
        "c": 2 / pi / root,
        "q": -c / ((1 + q) * root) / pi,
        "cc": 2 / pi * c / (D * root),
        "pc": -(1 + q) / (D * root) / pi,
        "qc": -(1 + p) / (D * root) / pi,
        "pq": c / (D * root) / (2 * pi),
    }


def polynomial_kernel(coefficients: tuple[float, ...]) -> dict[str, object]:
    """Return the triple sum K of docs/mathematics.md and its derivatives, exactly."""
    ring = fmpq_mpoly_ctx.get(("p", "q", "c"), "lex")
    p, q, c = ring.gens()
    K = 0 * p
    for a, left in enumerate(coefficients):
        for b, right in enumerate(coefficients):
            for l in range(min(a, b) + 1):  # noqa: E741
                if (a - l) % 2 or (b - l) % 2:
                    continue
                i, j = (a - l) // 2, (b - l) // 2
                bottom = factorial(l) * 2**i * factorial(i) * 2**j * factorial(j)
                term = fmpq(factorial(a) * factorial(b), bottom) * exact(left) * exact(right)
                K += term * c**l * p**i * q**j
    place = {"p": 0, "q": 1, "c": 2}
    names = ("", "c", "q", "cc", "pc", "qc", "pq")
    derivatives = {}
    for name in names:
        value = K
        for variable in name:
            value = value.derivative(place[variable])
        derivatives[name] = value
    return derivatives


def exact(value: float) -> fmpq:
    return fmpq(*value.as_integer_ratio())


def ball_hessian(network: Network) -> list[list[arb]]:
    """Return H in balls, entry by entry from the block formulas of docs/mathematics.md."""
    W1 = [[exact(w) for w in row] for row in network.W1.tolist()]
    W2 = [exact(w) for w in network.W2.tolist()]
    N_h, N_i = network.W1.shape
    if isinstance(network.activation, Polynomial):
        polynomials = polynomial_kernel(network.activation.coefficients)

    def kernel(m: int, k: int) -> dict[str, arb]:
        p, q, c = (sum((a * b for a, b in zip(W1[i], W1[j], strict=True)), fmpq(0))
                   for i, j in ((m, m), (k, k), (m, k)))  # fmt: skip
        if isinstance(network.activation, Polynomial):
            return {name: arb(f(p, q, c)) for name, f in polynomials.items()}
        return erf_kernel(arb(p), arb(q), arb(c))

    K = [[kernel(m, k) for k in range(N_h)] for m in range(N_h)]
    H = [[arb(0)] * network.P for _ in range(network.P)]
    w = [[arb(value) for value in row] for row in W1]
    for m in range(N_h):
        for p in range(N_h):
            k, z = K[m][p], arb(W2[m] * W2[p])
            for n in range(N_i):
                for q in range(N_i):
                    H[m * N_i + n][p * N_i + q] = z * (
                        (k["c"] if n == q else 0)
                        + k["cc"] * w[p][n] * w[m][q]
                        + 2 * k["pc"] * w[m][n] * w[m][q]
                        + 2 * k["qc"] * w[p][n] * w[p][q]
                        + 4 * k["pq"] * w[m][n] * w[p][q]
                    )
            H[N_h * N_i + m][N_h * N_i + p] = k[""]
            for n in range(N_i):
                # C[(m, n), p]: K(p, m), the second argument is neuron m.
                C = arb(W2[m]) * (K[p][m]["c"] * w[p][n] + 2 * K[p][m]["q"] * w[m][n])
                H[m * N_i + n][N_h * N_i + p] = H[N_h * N_i + p][m * N_i + n] = C
    return H


CASES = [
    ("linear", {}, 3, 4, "generic"),
    ("linear", {}, 5, 2, "generic"),
    ("quadratic", {}, 3, 4, "generic"),
    ("quadratic", {"epsilon": 0.2}, 6, 3, "generic"),
    ("cubic", {}, 3, 3, "generic"),
    ("power", {"degree": 5}, 2, 5, "large"),
    ("polynomial", {"coefficients": [0.5, -1.0, 0.0, 0.3, -0.1]}, 3, 4, "repeated"),
    ("erf", {}, 2, 6, "generic"),
    ("erf", {}, 3, 4, "repeated"),
    ("erf", {}, 6, 2, "generic"),
    ("erf", {}, 3, 3, "large"),
    ("erf", {}, 1, 9, "generic"),
    ("erf", {}, 3, 3, "nearly parallel"),
    ("cubic", {}, 3, 3, "nearly parallel"),
]


@pytest.mark.parametrize(("name", "parameters", "N_i", "N_h", "kind"), CASES)
def test_every_eigenvalue_is_within_the_bound(name, parameters, N_i, N_h, kind) -> None:
    W1, W2 = (np.array(w) for w in sample_weights(N_i, N_h, seed=5))
    if kind == "repeated":
        W1[0] = W1[-1]
    if kind == "nearly parallel":
        # D = (1 + p)(1 + q) - c² of erf loses digits here, in proportion to |w|².
        W1 *= 50
        W1[0] = W1[1] * (1 + 1e-4) + 1e-3 * W1[2]
    W1 *= 6 if kind == "large" else 1
    network = Network(W1, W2, activation(name, **parameters))
    found = spectrum_with_error(network)
    assert found.error <= 1e-11 * found.eigenvalues[-1], "a bound of no use"
    places = sorted({0, 1, network.P // 2, network.P - 2, network.P - 1})
    values = [(i, float(found.eigenvalues[i]), found.error) for i in places]
    # As without a matrix.
    largest, errors, _ = extreme_eigenvalues(network, k=3)
    values += zip(range(network.P)[::-1], largest.tolist(), errors.tolist(), strict=False)
    before, ctx.prec = ctx.prec, BITS
    try:
        H = ball_hessian(network)
        for i, value, error in values:
            below = eigenvalues_below(H, arb(value) - arb(error))
            above = eigenvalues_below(H, arb(value) + arb(error))
            assert below <= i < above
    finally:
        ctx.prec = before


@dataclass(frozen=True)
class NumericErf(Numeric):
    """`erf(x / √2)` known by its values only, with a closed form to compare with."""

    name: str = "numeric erf"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return special.erf(np.asarray(x) / np.sqrt(2))

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return np.sqrt(2 / np.pi) * np.exp(-np.square(x) / 2)

    def second_derivative(self, x: np.ndarray) -> np.ndarray:
        return -np.asarray(x) * self.derivative(x)


@pytest.mark.parametrize(("N_i", "N_h", "scale"), [(6, 3, 1.0), (2, 5, 1.0), (2, 4, 20.0)])
def test_bound_covers_a_numeric_kernel(N_i: int, N_h: int, scale: float) -> None:
    """At scale 20 the series is not finished: the error is far above rounding."""
    W1, W2 = sample_weights(N_i, N_h, seed=1)
    exact = spectrum_with_error(Network(scale * W1, W2, activation("erf")))
    found = spectrum_with_error(Network(scale * W1, W2, NumericErf()))
    off = np.abs(found.eigenvalues - exact.eigenvalues).max()
    assert off <= found.error + exact.error
    assert scale == 1 or off > 10 * exact.error
    without_matrix = converged_eigenvalues(Network(scale * W1, W2, NumericErf()), most=3)
    off = np.abs(without_matrix.largest - exact.eigenvalues[::-1][:3])
    assert (off <= without_matrix.error + exact.error).all()
    assert scale == 1 or (without_matrix.error > 10 * exact.error).all()


@pytest.mark.parametrize("power", [300, 400])
def test_the_bound_of_divided_rows_grows_with_the_squares_of_what_they_were_divided_by(
    monkeypatch, power
) -> None:
    """The error of the assembly is that of block B, which has both lengths as factors."""
    module = sys.modules["hessweep.spectrum"]
    monkeypatch.setattr(module, "assembly_error", lambda *_, **__: np.ones(1))
    monkeypatch.setattr(module, "solver_error", lambda *_: np.zeros(1))
    W1 = np.ldexp(sample_weights(2, 3, 0)[0], power)
    longest = int(np.frexp(np.abs(W1).max())[1])
    assert spectrum_with_error(Network(W1, np.zeros(3), "relu")).error >= 4.0**longest


@pytest.mark.parametrize(("name", "N_i", "N_h"), [("erf", 3, 3), ("erf", 9, 2), ("cubic", 2, 9)])
def test_the_bound_has_a_part_for_the_eigensolver(name, N_i, N_h) -> None:
    """Dense, in the row space, and from a Gram matrix."""
    found = spectrum_with_error(Network(*sample_weights(N_i, N_h, 0), name))
    assert found.error > solver_error(found.plan.size, found.eigenvalues[-1])


@pytest.mark.parametrize("slope", [16.0, -16.0, 0.25])
@pytest.mark.parametrize(("N_i", "N_h"), [(3, 4), (5, 2)])
def test_eigenvalues_and_bound_of_a_line_have_its_slope_squared_as_a_factor(slope, N_i, N_h):
    weights = sample_weights(N_i, N_h, 0)
    plain, steep = (
        spectrum_with_error(Network(*weights, activation("polynomial", coefficients=[0.0, a])))
        for a in (1.0, slope)
    )
    assert plain.route == steep.route == "closed form"
    np.testing.assert_array_equal(steep.eigenvalues, slope**2 * plain.eigenvalues)
    assert steep.error == pytest.approx(slope**2 * plain.error, rel=1e-9, abs=0)
