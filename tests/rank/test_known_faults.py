"""Numbers that were once wrong: the smallest eigenvalue and bounds of tiny spectra."""

import numpy as np
import pytest

from hessweep import Network, rank
from hessweep.activations import activation, load_activation
from hessweep.errors import ActivationError
from hessweep.rank import smallest_eigenvalue
from hessweep.rank.float64 import solver_bound
from hessweep.spectrum import spectrum_with_error


def test_rows_that_are_equal_modulo_the_prime_give_no_false_enclosure():
    """2^-61 is 1 modulo 2^61 - 1, so pivots modulo it are too few; λ_min is 4.614e-74."""
    g = activation("polynomial", coefficients=[0, 1, 1, 1, 1])
    network = Network(np.array([[1], [2.0**-61], [2.0**-61]]), np.array([1, 0.7, -0.6]), g)
    spectrum = spectrum_with_error(network)
    found = smallest_eigenvalue(network, spectrum, rank(network, spectrum).value)
    true = 4.614e-74
    assert abs(found.value - true) <= (found.relative_error + 1e-3) * true


def test_the_solvers_bound_of_tiny_eigenvalues_is_not_zero():
    network = Network(np.eye(2) * 1e-85, np.full(2, 1e-85), activation("linear"))
    assert 0 < solver_bound(spectrum_with_error(network)) < 1e-180


def test_an_activation_in_float32_is_refused(tmp_path):
    file = tmp_path / "single.py"
    file.write_text("import numpy as np\n\ndef single(x):\n    return np.float32(np.tanh(x))\n")
    with pytest.raises(ActivationError, match="float64"):
        load_activation(file, "single")
