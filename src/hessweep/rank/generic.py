"""The number of effective parameters of any network, by its two sizes or by all its widths."""

from collections.abc import Sequence

from hessweep.activations import Activation
from hessweep.errors import InputError
from hessweep.rank import effective
from hessweep.rank.formulas import Formula
from hessweep.rank.formulas_deep import deep_formula


def effective_parameters(
    activation: str | Activation | Sequence[str | Activation],
    N_i: int | None = None,
    N_h: int | None = None,
    biases: str | Sequence[bool] = "none",
    N_o: int = 1,
    *,
    widths: Sequence[int] | None = None,
) -> int | None:
    """Return the rank of the Hessian at the optimum for generic weights.

    For the quadratic network of two layers this is eq. (14). For other polynomials it follows
    from the theorem of Alexander and Hirschowitz (docs/ranks.md), which is sharper than the bound
    of sec. 4.2. For deep networks see docs/depth.md.

    Args:
        activation: The activation or its name; for deep networks also a list with one for each
            hidden layer.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        biases: Which layers have biases: `none`, `hidden`, `output` or `both`; for deep networks
            also a list with a truth value for each layer.
        N_o: Number of outputs.
        widths: `d_0, ..., d_L` of a deep network, in place of N_i, N_h and N_o.

    Returns:
        The number of effective parameters, or an upper bound on it if no theorem covers the
        network (`formula` says which of the two); None if no formula is known.

    Raises:
        ShapeError: If a size or width is below 1.
        InputError: If neither or both of the sizes and the widths are given, or the choice of
            biases is unknown.
        ActivationError: If the name is unknown.
    """
    return formula(activation, N_i, N_h, biases, N_o, widths=widths).value


def formula(
    activation: str | Activation | Sequence[str | Activation],
    N_i: int | None = None,
    N_h: int | None = None,
    biases: str | Sequence[bool] = "none",
    N_o: int = 1,
    *,
    widths: Sequence[int] | None = None,
) -> Formula:
    """Return the rank for generic weights, and whether it is exact or an upper bound.

    Arguments and errors are those of `effective_parameters`.
    """
    if widths is not None:
        if N_i is not None or N_h is not None or N_o != 1:
            raise InputError(
                "widths: expected either widths, or N_i, N_h and N_o, got both; the widths are "
                "the inputs, the hidden layers and the outputs"
            )
        return deep_formula(activation, widths, biases)
    if N_i is None or N_h is None:
        raise InputError("expected N_i and N_h, or widths=(inputs, hidden layers, outputs)")
    if isinstance(activation, str | Activation) and isinstance(biases, str):
        return effective.formula(activation, N_i, N_h, biases, N_o)
    return deep_formula(activation, (N_i, N_h, N_o), biases)
