"""The number of effective parameters of any two-layer network: its rank for generic weights."""

from dataclasses import replace
from functools import lru_cache

from hessweep.activations import Activation, Polynomial
from hessweep.activations import activation as resolve
from hessweep.activations.exponential import Exp
from hessweep.errors import InputError
from hessweep.networks import BIASES, Layout, Network, check_sizes
from hessweep.rank import formulas
from hessweep.rank.exact_neurons import varying_inputs
from hessweep.rank.formulas import Formula
from hessweep.rank.formulas_biases import hidden_bias_rank, output_bias_rank
from hessweep.rank.formulas_outputs import outputs_and_biases_rank


def formula(
    activation: str | Activation, N_i: int, N_h: int, biases: str = "none", N_o: int = 1
) -> Formula:
    """Return the rank for generic weights, and whether it is exact or an upper bound.

    Without biases and with one output it is eq. (14) for the quadratic network, and for other
    polynomials what the theorem of Alexander and Hirschowitz gives (docs/ranks.md), not the bound
    of sec. 4.2. For biases and several outputs see docs/biases.md.

    Args:
        activation: The activation or its name.
        N_i: Number of inputs; for a covariance of rank s the rank is that of s inputs.
        N_h: Number of hidden neurons.
        biases: Which biases are trained: `none`, `hidden`, `output` or `both`.
        N_o: Number of outputs.

    Raises:
        ShapeError: If N_i, N_h or N_o is below 1.
        InputError: If `biases` is none of the four.
        ActivationError: If the name is unknown.
    """
    check_sizes(N_i, N_h, N_o)
    if biases not in BIASES:
        raise InputError(f"biases: expected one of {', '.join(BIASES)}, got {biases!r}")
    hidden, output = biases in ("hidden", "both"), biases in ("output", "both")
    return layout_formula(
        resolve(activation), Layout(int(N_i), int(N_h), int(N_o), hidden, output)
    )


def network_formula(network: Network) -> Formula:
    """Return `formula` for the sizes, biases and inputs of a network.

    Inputs of variance 0 are constants: those that vary count as N_i, and a constant that is not 0
    does what hidden biases do. A full covariance matrix must certainly be of full rank in float64.
    """
    of = None if network.inputs is None else varying_inputs(network.inputs, network.N_i)
    if network.inputs is None:
        return layout_formula(network.activation, network.layout)
    if of is None or not of.count:
        return Formula(None, "none")
    layout, biased = network.layout, network.b1 is not None or of.has_constants
    return layout_formula(network.activation, replace(layout, N_i=of.count, hidden_biases=biased))


@lru_cache(maxsize=4096)
def layout_formula(activation: Activation, layout: Layout) -> Formula:
    """Return `formula` for the sizes and biases of a layout."""
    if not (layout.hidden_biases or layout.output_biases) and layout.N_o == 1:
        return formulas.formula(activation, layout.N_i, layout.N_h)
    if activation.polynomial is not None:
        return _polynomial_formula(activation.polynomial, layout)
    return _analytic_formula(activation, layout)


def _polynomial_formula(activation: Polynomial, layout: Layout) -> Formula:
    N_i, N_h, N_o = layout.N_i, layout.N_h, layout.N_o
    hidden, output = layout.hidden_biases, layout.output_biases
    if N_o > 1:
        return outputs_and_biases_rank(activation.coefficients, N_i, N_h, N_o, hidden, output)
    if hidden:
        return hidden_bias_rank(activation.coefficients, N_i, N_h, output)
    return output_bias_rank(activation.support, N_i, N_h)


def _analytic_formula(activation: Activation, layout: Layout) -> Formula:
    """Return the rank by the independence theorem, minus the rescalings that change no output.

    For the exponential function a bias does what the output weights do, and for ReLU a common
    factor of weights and bias does.
    """
    known = activation.theory
    if known is None:
        return Formula(None, "none")
    N_i, N_h, N_o = layout.N_i, layout.N_h, layout.N_o
    redundant = known.homogeneous or (isinstance(activation, Exp) and layout.hidden_biases)
    if known.homogeneous and N_i == 1 and not layout.hidden_biases:
        # One line: only the signs of the weights matter, and they may all agree.
        bound = N_o * (min(N_h, 2) + layout.output_biases)
        return Formula(bound, "exact" if N_h == 1 else "upper bound")
    return Formula(layout.P - N_h * redundant, "exact")
