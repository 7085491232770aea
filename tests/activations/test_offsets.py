"""Kernels with offsets against reference values, quadrature, and one another's derivatives."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.activations import Activation, activation
from hessweep.activations.offsets import FURTHER, WITH_DERIVATIVES, OffsetKernel, OffsetMeans

REFERENCE = Path(__file__).parents[1] / "reference" / "beyond" / "ref_kernels_with_offsets.json"
CASES = json.loads(REFERENCE.read_text())
ALL = {
    "linear": activation("linear"),
    "quadratic": activation("quadratic", epsilon=-0.7),
    "gapped": activation("polynomial", coefficients=[0.3, 1, 0, -0.5, 0, 0.1]),
    **{
        name: activation(name)
        for name in ("erf", "relu", "gelu", "sin", "cos", "exp", "gaussian", "tanh", "silu")
    },
}
every_activation = pytest.mark.parametrize("g", ALL.values(), ids=ALL.keys())


def named(name: str) -> Activation:
    if name.startswith("x-"):
        return activation("polynomial", coefficients=[0, 1, -0.5, 0.3])
    return activation(name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['activation']} {case['b']}")
def test_reference_values(case: dict) -> None:
    arguments = [np.float64(case[name]) for name in "pqcbd"]
    kernel = named(case["activation"]).offset_dual(*arguments)
    for orders, expected in case["E"].items():
        assert getattr(kernel, f"E{orders}") == pytest.approx(expected, rel=1e-12)
    for order, expected in enumerate(case["M"]):
        assert getattr(kernel, f"M{order}") == pytest.approx(expected, rel=1e-12)


def panels(low: float, high: float, breaks: list[float]) -> tuple[np.ndarray, np.ndarray]:
    edges = np.linspace(low, high, 17)
    edges = np.sort(np.append(edges, [x for x in breaks if low < x < high]))
    x, w = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    return ((edges[1:] + edges[:-1])[:, None] / 2 + half * x).ravel(), (half * w).ravel()


def mean_by_quadrature(f, h, p: float, q: float, c: float, b: float, d: float) -> float:
    """`E[f(u + b) h(v + d)]`, with panels that end where the arguments are 0."""
    z, w = panels(-11, 11, [-b / np.sqrt(p)])
    spread = np.sqrt(q - c * c / p)
    total = 0.0
    for z_u, w_u in zip(z, w, strict=True):
        u = np.sqrt(p) * z_u
        middle = c / p * u
        y, w_y = panels(-11, 11, [-(d + middle) / spread])
        inner = (w_y * np.exp(-y * y / 2) / np.sqrt(2 * np.pi)) @ h(middle + spread * y + d)
        total += (
            w_u * np.exp(-z_u * z_u / 2) / np.sqrt(2 * np.pi) * f(np.array([u + b]))[0] * inner
        )
    return total


@every_activation
@pytest.mark.parametrize(
    "at", [(0.7, 1.3, 0.6, 0.4, -0.9), (1.6, 0.3, -0.5, -1.2, 0.0), (0.5, 0.5, 0.0, 0.0, 0.3)]
)
def test_values_and_first_derivatives_are_those_of_quadrature(g: Activation, at: tuple) -> None:
    kernel = g.offset_dual(*(np.array([value]) for value in at))
    for got, f, h in (
        (kernel.E00, g, g),
        (kernel.E01, g, g.derivative),
        (kernel.E11, g.derivative, g.derivative),
    ):
        expected = mean_by_quadrature(f, h, *at)
        assert got[0] == pytest.approx(expected, rel=1e-11, abs=1e-13)
    z, w = panels(-11, 11, [-at[3] / np.sqrt(at[0])])
    w = w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    assert kernel.M0[0] == pytest.approx(w @ g(np.sqrt(at[0]) * z + at[3]), rel=1e-12, abs=1e-14)
    slope = w @ g.derivative(np.sqrt(at[0]) * z + at[3])
    assert kernel.M1[0] == pytest.approx(slope, rel=1e-12, abs=1e-14)


def central(f, x: float, step: float = 1e-3) -> np.ndarray:
    """The first derivative, by differences with an error of order step⁶."""
    differences = [(f(x + k * step) - f(x - k * step)) / (2 * k * step) for k in (1, 2, 3)]
    return 1.5 * differences[0] - 0.6 * differences[1] + 0.1 * differences[2]


pairs = st.tuples(
    st.floats(0.2, 2.5),
    st.floats(0.2, 2.5),
    st.floats(-0.9, 0.9),
    st.floats(-2, 2),
    st.floats(-2, 2),
)


@every_activation
@settings(max_examples=4, deadline=None)
@given(at=pairs)
def test_each_field_is_the_derivative_of_another(g: Activation, at: tuple) -> None:
    p, q, rho, b, d = at
    c = rho * np.sqrt(p * q)

    def kernel(b: float = b, d: float = d, c: float = c, p: float = p) -> OffsetKernel:
        return g.offset_dual(*(np.array([value]) for value in (p, q, c, b, d)))

    here = kernel()
    scale = 1 + max(abs(field[0]) for field in here)
    for got, expected in (
        (here.E01, central(lambda d: kernel(d=d).E00, d)),
        (here.E02, central(lambda d: kernel(d=d).E01, d)),
        (here.E12, central(lambda d: kernel(d=d).E11, d)),
        (here.E13, central(lambda d: kernel(d=d).E12, d)),
        (here.E12, central(lambda b: kernel(b=b).E02, b)),
        (here.E22, central(lambda c: kernel(c=c).E11, c)),
        (here.E11, central(lambda c: kernel(c=c).E00, c)),
        (here.M1, central(lambda b: kernel(b=b).M0, b)),
        (here.M2, central(lambda b: kernel(b=b).M1, b)),
        (here.M2 / 2, central(lambda p: kernel(p=p).M0, p)),
    ):
        assert got[0] == pytest.approx(expected[0], abs=3e-8 * scale / (1 - rho**2) ** 4)


@every_activation
@settings(max_examples=3, deadline=None)
@given(at=pairs)
def test_further_means_are_derivatives_of_the_kernel(g: Activation, at: tuple) -> None:
    p, q, rho, b, d = at
    c = rho * np.sqrt(p * q)

    def means(c: float = c, d: float = d, b: float = b) -> OffsetMeans:
        at = (np.array([value]) for value in (p, q, c, b, d))
        return g.offset_means(*at, WITH_DERIVATIVES)

    here = means()
    scale = 1 + max(abs(field[0]) for field in here.E.values())
    tolerance = 3e-8 * scale / (1 - rho**2) ** 5
    for i, j in FURTHER:
        if i < j:
            expected = central(lambda d, i=i, j=j: means(d=d).E[i, j - 1], d)
        else:
            expected = central(lambda b, i=i, j=j: means(b=b).E[i - 1, j], b)
        assert here.E[i, j][0] == pytest.approx(expected[0], abs=tolerance), (i, j)
    expected = central(lambda c: means(c=c).E[1, 3], c)
    assert here.E[2, 4][0] == pytest.approx(expected[0], abs=tolerance)
    for i in (3, 4):
        expected = central(lambda b, i=i: means(b=b).M[i - 1], b)
        assert here.M[i][0] == pytest.approx(expected[0], abs=tolerance)


@every_activation
def test_without_offsets_it_is_the_kernel_without_offsets(g: Activation) -> None:
    W1 = np.random.default_rng(3).standard_normal((5, 3)) * 0.7
    W1[3] = -W1[1]
    c = W1 @ W1.T
    p, none = np.diagonal(c)[:, None], np.zeros((5, 1))
    with_offsets = g.offset_dual(p, p.T, c, none, none.T)
    plain = g.dual(p, p.T, c)
    for got, expected in (
        (with_offsets.E00, plain.K),
        (with_offsets.E11, plain.K_c),
        (with_offsets.E02, 2 * plain.K_q),
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    k = c / p  # v is k u where they are parallel
    of_pairs = [
        2 * k * kernel[0] + kernel[1].T + k**2 * kernel[1]
        for kernel in (
            (with_offsets.E22, with_offsets.E13),
            (plain.K_cc, 2 * plain.K_qc),
        )
    ]
    parallel = np.abs(c * c - p * p.T) < 1e-12
    np.testing.assert_allclose(*(value[parallel] for value in of_pairs), rtol=1e-11, atol=1e-12)
    assert parallel.sum() == 7
    np.testing.assert_allclose(
        with_offsets.E22[~parallel], plain.K_cc[~parallel], rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(
        with_offsets.E13[~parallel], 2 * plain.K_qc[~parallel], rtol=1e-11, atol=1e-13
    )


class KinkedSeries(type(ALL["relu"])):
    """ReLU by a series, whose second and third derivatives do not converge."""

    offset_means = Activation.offset_means


@pytest.mark.parametrize("g", [*ALL.values(), KinkedSeries("kinked")], ids=str)
@pytest.mark.parametrize("ratio", [1.0, 2.0, -1.0, -0.5])
@pytest.mark.parametrize("d", [0.6, -0.3, 0.8])
def test_sums_of_parallel_pairs_are_one_dimensional_means(
    g: Activation, ratio: float, d: float
) -> None:
    p, b = 0.64, 0.3
    q, c = p * ratio**2, p * ratio
    p, q, c, b, d = (np.array([value]) for value in (p, q, c, b, d))
    one, other = g.offset_dual(p, q, c, b, d), g.offset_dual(q, p, c, d, b)
    z, w = panels(-11, 11, [-b[0] / 0.8, -d[0] / (0.8 * ratio)])
    w = w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    u, v = 0.8 * z + b, 0.8 * ratio * z + d
    slopes = g.derivative(u) * g.derivative(v)
    k = c / p
    close = {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(one.E00, w @ (g(u) * g(v)), **close)
    np.testing.assert_allclose(one.E01, w @ (g(u) * g.derivative(v)), **close)
    np.testing.assert_allclose(one.E11, w @ slopes, **close)
    np.testing.assert_allclose(other.E12 + k * one.E12, w @ (slopes * z) / 0.8, **close)
    np.testing.assert_allclose(
        2 * k * one.E22 + other.E13 + k**2 * one.E13, w @ (slopes * (z**2 - 1)) / p, **close
    )
    # E[x g(u) g'(v)] = w E11 + k w E02
    by_parts = w @ (g(u) * g.derivative(v) * z) / 0.8
    np.testing.assert_allclose(one.E11 + k * one.E02, by_parts, **close)


@pytest.mark.parametrize("g", [ALL["relu"], ALL["erf"], ALL["gelu"], ALL["gapped"]], ids=str)
@pytest.mark.parametrize("b", [0.7, -0.4])
def test_a_zero_row_sees_its_offset_alone(g: Activation, b: float) -> None:
    zero = np.array([0.0])
    kernel = g.offset_dual(zero, np.array([0.9]), zero, np.array([b]), np.array([0.2]))
    of_v = g.offset_dual(np.array([0.9]), zero, zero, np.array([0.2]), np.array([b]))
    np.testing.assert_allclose(kernel.E00, g(np.array([b])) * of_v.M0, rtol=1e-13, atol=1e-15)
    slopes = g.derivative(np.array([b])) * of_v.M1
    np.testing.assert_allclose(kernel.E11, slopes, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(kernel.M0, g(np.array([b])), rtol=1e-13)


def test_extreme_offsets_stay_finite() -> None:
    for name in ("erf", "relu", "gelu", "gaussian", "sin"):
        b = np.array([0.0, 60.0, -60.0, 1e5, -1e5])[:, None]
        p = np.array([1.0, 1e-8, 1.0, 2.0, 1e4])[:, None]
        kernel = activation(name).offset_dual(p, p.T, 0.5 * np.sqrt(p * p.T), b, b.T)
        for field in kernel:
            assert np.isfinite(field).all(), name


def test_a_derived_class_with_another_function_does_not_inherit_the_formula() -> None:
    class Half(type(ALL["erf"])):
        def __call__(self, x: np.ndarray) -> np.ndarray:
            return super().__call__(x) / 2

        def derivative(self, x: np.ndarray) -> np.ndarray:
            return super().derivative(x) / 2

    at = [np.array([value]) for value in (0.7, 1.3, 0.6, 0.4, -0.9)]
    half, whole = Half("half").offset_dual(*at), ALL["erf"].offset_dual(*at)
    np.testing.assert_allclose(half.E13, whole.E13 / 4, rtol=1e-11)
    assert Half("half").has_offset_series
    assert not ALL["erf"].has_offset_series


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
def test_a_higher_floor_shows_what_the_floor_itself_changes(name):
    """Variances below 1e-10 are raised to it, which moves the mean of g by about p g'' / 2."""
    g, b = activation(name), np.array([[0.8]])
    p = np.full((1, 1), 1e-18)
    found = g.coarser_offset_duals(p, p, p, b, b)
    for field, limit in (("E00", g(b) ** 2), ("M0", g(b))):
        full, floor = getattr(found.full, field), getattr(found.floor, field)
        assert 1e-12 < abs(full - limit) < 1.01 * abs(floor - full)
