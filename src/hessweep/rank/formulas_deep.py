"""The number of effective parameters of deep networks: the rank for generic weights.

The generic rank is the largest that any weights of an architecture have, so that every value here
is an upper bound for all networks of that architecture (docs/depth.md).
"""

from collections.abc import Sequence

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.activations.exponential import Exp
from hessweep.errors import ShapeError
from hessweep.networks import biased_layers, check_widths, parameter_count
from hessweep.rank.deep_bound import (
    Architecture,
    ambient_dimension,
    linear_rank,
    polynomial_bound,
    symmetries,
)
from hessweep.rank.formulas import Formula


def deep_formula(
    activation: str | Activation | Sequence[str | Activation],
    widths: Sequence[int],
    biases: str | Sequence[bool] = "none",
) -> Formula:
    """Return the rank of a deep network's Hessian at the optimum for generic weights.

    Args:
        activation: One for all hidden layers, or a list with one for each.
        widths: `d_0, ..., d_L`.
        biases: Which layers have biases: `none`, `hidden`, `output`, `both`, or a list with a
            truth value for each layer.

    Returns:
        The rank, exact for linear networks; for polynomials the bound of docs/depth.md, which
        is attained but for rare defective cases; for other activations the number of parameters
        without the directions of known symmetries, also an upper bound.

    Raises:
        ShapeError: If `widths` are not two or more whole numbers of at least 1, or the number of
            activations does not fit.
        InputError: If the choice of biases is unknown or does not fit.
        ActivationError: If an activation is unknown.
    """
    sizes = check_widths(widths)
    trained = biased_layers(biases, len(sizes) - 1)
    if isinstance(activation, str | Activation):
        activations = (resolve(activation),) * (len(sizes) - 2)
    else:
        activations = tuple(resolve(one) for one in activation)
    if len(activations) != len(sizes) - 2:
        raise ShapeError(
            f"activation: expected one, or a list of {len(sizes) - 2} for the hidden layers, got "
            f"{len(activations)}"
        )
    return formula_of(activations, sizes, trained)


def formula_of(
    activations: tuple[Activation, ...], widths: tuple[int, ...], biased: tuple[bool, ...]
) -> Formula:
    """Return `deep_formula` for activations, widths and biases that fit together."""
    architecture = polynomial_architecture(activations, widths, biased)
    if architecture is None:
        P = parameter_count(widths, biased)
        return Formula(P - sum(free_directions(activations, widths, biased)), "upper bound")
    if all(g.is_linear for g in activations):
        return Formula(linear_rank(widths, biased), "exact")
    return Formula(polynomial_bound(architecture), "upper bound")


def plain_count(
    activations: tuple[Activation, ...], widths: tuple[int, ...], biased: tuple[bool, ...]
) -> int:
    """Return the count that is often taken for the rank; in depth it is often too large.

    The smaller of the parameters without the directions of rescalings, and the dimension of the
    polynomials that the outputs may be.
    """
    architecture = polynomial_architecture(activations, widths, biased)
    count = parameter_count(widths, biased) - sum(free_directions(activations, widths, biased))
    return count if architecture is None else int(min(count, ambient_dimension(architecture)))


def polynomial_architecture(
    activations: tuple[Activation, ...], widths: tuple[int, ...], biased: tuple[bool, ...]
) -> Architecture | None:
    """Return the architecture of a network of polynomials; None for other activations."""
    coefficients = tuple(
        g.polynomial.coefficients for g in activations if g.polynomial is not None
    )
    if len(coefficients) < len(activations):
        return None
    return Architecture(widths, coefficients, biased)


def free_directions(
    activations: tuple[Activation, ...], widths: tuple[int, ...], biased: tuple[bool, ...]
) -> list[int]:
    """Return for each hidden layer in how many directions parameters never change the output.

    A rescaling of each neuron for ReLU and for powers (of `x + s` where biases can follow it);
    for exp a bias, which does what the output weights do.
    """
    counts = []
    for layer, (g, d) in enumerate(zip(activations, widths[1:-1], strict=True)):
        if g.polynomial is not None:
            counts.append(d * symmetries(g.polynomial.coefficients, *biased[layer : layer + 2]))
        else:
            counts.append(d * (is_homogeneous(g) or (is_exponential(g) and biased[layer])))
    return counts


def is_homogeneous(activation: Activation) -> bool:
    """Return whether `g(c u) = c g(u)` for c > 0, as for ReLU."""
    return activation.theory is not None and activation.theory.homogeneous


def is_exponential(activation: Activation) -> bool:
    """Return whether a shift of u only scales g(u)."""
    return type(activation) is Exp
