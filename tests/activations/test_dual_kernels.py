"""Every closed-form dual kernel and its derivatives against polar quadrature of g."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polar import dual_by_quadrature

from hessweep.activations import Activation, DualKernel, activation

CLOSED = {
    "linear": activation("linear"),
    "quadratic": activation("quadratic", epsilon=-0.7),
    "cubic": activation("cubic"),
    "power 4": activation("power", degree=4),
    "gapped": activation("polynomial", coefficients=[0.3, 1, 0, -0.5, 0, 0.1]),
    "erf": activation("erf"),
    "relu": activation("relu"),
    "gelu": activation("gelu"),
    "sin": activation("sin"),
    "cos": activation("cos"),
    "exp": activation("exp"),
    "gaussian": activation("gaussian"),
}
every_closed_form = pytest.mark.parametrize("g", CLOSED.values(), ids=CLOSED.keys())


def values(kernel: DualKernel) -> np.ndarray:
    return np.array([float(field) for field in kernel])


@every_closed_form
@settings(max_examples=12, deadline=None)
@given(p=st.floats(0.2, 2.5), q=st.floats(0.2, 2.5), rho=st.floats(-0.9, 0.9))
def test_all_fields_are_those_of_quadrature(g: Activation, p: float, q: float, rho: float) -> None:
    c = rho * np.sqrt(p * q)
    expected = values(dual_by_quadrature(g, p, q, c))
    # The weights of the derivatives grow like the inverse covariance, squared for two of them.
    scale = (
        np.sqrt(
            values(dual_by_quadrature(lambda x: np.abs(g(x)), p, p, 0.0))[0]
            * values(dual_by_quadrature(lambda x: np.abs(g(x)), q, q, 0.0))[0]
        )
        + np.abs(expected).max()
    )
    inverse = max(p, q) / (p * q - c * c)
    got = values(g.dual(np.float64(p), np.float64(q), np.float64(c)))
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13 * scale * (1 + inverse) ** 2)
