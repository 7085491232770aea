"""Single equations of the paper against the Hessian, on teachers that are drawn here."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import activation
from hessweep.claims.claim import Claim
from hessweep.hessian import blocks, hessian
from hessweep.networks import Network, sample_teacher

TEACHERS = 20
SIZE = (6, 4)
"""(N_i, N_h) of these teachers."""
EPSILON = 0.5


def printed_quadratic_hessian(network: Network) -> Float[ndarray, "P P"]:
    """Return H with the ε² terms of eqs (12) and (13) as printed: without `W2_m W2_p`, `W2_m`.

    H is `H_linear + ε² H_2`; terms of odd order in ε vanish, being odd moments.
    """
    P1 = network.W1.size
    first = hessian(Network(network.W1, network.W2, activation("linear")))
    second = hessian(network) - first
    per_row = np.repeat(network.W2, network.N_i)
    second[:P1, :P1] /= per_row[:, None] * per_row
    second[:P1, P1:] /= per_row[:, None]
    second[P1:, :P1] /= per_row
    return first + second


def quadratic_blocks(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """Eqs (12), (13): as printed and as corrected, against an average over inputs."""
    rng = np.random.default_rng(12)
    printed, corrected = [], []
    for seed in range(TEACHERS):
        network = sample_teacher(activation("quadratic", epsilon=EPSILON), *SIZE, seed)
        phi = network.gradient(rng.standard_normal((40_000, network.N_i)))
        average = phi.T @ phi / len(phi)
        size = np.linalg.norm(average)
        printed.append(np.linalg.norm(printed_quadratic_hessian(network) - average) / size)
        corrected.append(np.linalg.norm(hessian(network) - average) / size)
    return Claim(
        "eqs (12), (13)",
        "the ε² terms of blocks A and C, printed without the factors W2_m W2_p and W2_m",
        f"relative distance to the average of phi phi^T over 40,000 inputs: printed "
        f"{np.mean(printed):.2f}, corrected {np.mean(corrected):.3f} (sampling)",
        TEACHERS,
        "holds with correction" if np.max(corrected) < 0.1 < np.min(printed) else "fails",
    )


def block_pattern(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """App. A.1: how often the pattern of block A repeats."""
    N_i, N_h = SIZE
    outside = np.zeros(2, dtype=int)
    for seed in range(TEACHERS):
        A = blocks(sample_teacher("linear", N_i, N_h, seed)).A
        row, column = np.nonzero(A)
        outside += [np.sum((row - column) % step != 0) for step in (N_i, N_h)]
    entries = TEACHERS * N_h**2 * N_i
    return Claim(
        "App. A.1",
        "block A of the linear network repeats a pattern; right every N_i steps, not N_h",
        f"of {entries} non-zero entries {outside[0]} lie off the diagonals N_i apart, "
        f"{outside[1]} off those N_h apart",
        TEACHERS,
        "holds with correction" if outside[0] == 0 < outside[1] else "fails",
    )


CLAIMS = (quadratic_blocks, block_pattern)
