"""How many eigenvalues of a Hessian are in each group (docs/laws.md)."""

from hessweep.activations import Activation
from hessweep.laws.coefficients import coefficients
from hessweep.networks import check_sizes


def groups(activation: str | Activation, N_i: int, N_h: int) -> dict[str, int]:
    """Return the number of eigenvalues in each group; they sum to `P = N_h (N_i + 1)`.

    Returns:
        `outlier`: 1 where `E g ≠ 0`, growing as N_h; `order_one`: up to `N_i + N_h` together
        with the outlier, N_i of them only if `E[z g] ≠ 0` and N_h of them only if g is not
        linear; `special`: N_h of order `1/N_h` times `κ χ`; `bulk`: all others of order
        `1/N_h`, the zeros among them that `bulk_law` has as an atom; `zeros`: those that are
        exactly zero besides, N_h where κ = 0 and all but N_i for linear g.

    Raises:
        ShapeError: If a size is below 1.
        ActivationError: If the activation is unknown.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    P = N_h * (N_i + 1)
    left = P
    result = {}
    # A constant or linear g has no degree above 1, and its N_h directions are zero.
    large = {"outlier": int(c.h[0] != 0), "order_one": N_i * bool(c.a0) + N_h * bool(c.b2)}
    if c.b2:
        large["order_one"] -= large["outlier"]
    for name, number in large.items():
        result[name] = min(number, left)
        left -= result[name]
    result["special"] = min(N_h, left) if c.b2 and c.kappa else 0
    left -= result["special"]
    if not (c.a1 or c.a2):
        return {**result, "bulk": 0, "zeros": left}
    zeros = min(N_h, left) if not c.kappa else 0
    return {**result, "bulk": left - zeros, "zeros": zeros}
