"""How much faster is a spectrum than einsum and LAPACK, for one network?"""

from collections.abc import Iterator

import numpy as np
from measure import Row, peak_megabytes, turns
from scipy import linalg

from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum, spectrum_plan, spectrum_with_error

CASES = [
    ("erf", 200, 40, 100),
    ("erf", 400, 20, 2000),
    ("quadratic", 64, 64, 8),
    ("quadratic", 20, 100, 50),
    ("linear", 60, 60, None),
    ("cubic", 8, 100, None),
]
QUICK = [("erf", 40, 8, None), ("quadratic", 20, 20, None), ("linear", 20, 20, None)]


def einsum_hessian(network: Network) -> np.ndarray:
    """Return H the direct way: the terms of docs/mathematics.md, sec. 2, each by einsum."""
    W1, W2 = network.W1, network.W2
    N_h, N_i = W1.shape
    k, Z = network.activation.self_dual(W1), np.outer(W2, W2)
    A = np.einsum("mp,nq->mnpq", Z * k.K_c, np.eye(N_i))
    A += np.einsum("mp,pn,mq->mnpq", Z * k.K_cc, W1, W1)
    A += np.einsum("mp,mn,mq->mnpq", 2 * Z * k.K_pc, W1, W1)
    A += np.einsum("mp,pn,pq->mnpq", 2 * Z * k.K_qc, W1, W1)
    A += np.einsum("mp,mn,pq->mnpq", Z * k.K_cc, W1, W1)
    C = np.einsum("m,km,kn->mnk", W2, k.K_c, W1) + 2 * np.einsum("m,km,mn->mnk", W2, k.K_q, W1)
    C = C.reshape(N_h * N_i, N_h)
    return np.block([[A.reshape(N_h * N_i, -1), C], [C.T, k.K]])


def solve(name: str, N_i: int, N_h: int) -> None:
    """Compute one spectrum; for its memory."""
    spectrum(sample_teacher(name, N_i, N_h, seed=0))


def rows(quick: bool) -> Iterator[Row]:
    """Yield ratios against einsum assembly and `scipy.linalg.eigvalsh`, then against LAPACK."""
    for name, N_i, N_h, required in QUICK if quick else CASES:
        network = sample_teacher(name, N_i, N_h, seed=0)
        expected = linalg.eigvalsh(einsum_hessian(network))
        found = spectrum_with_error(network)
        taken = turns(
            {
                "ours": lambda n=network: spectrum(n),
                "theirs": lambda n=network: linalg.eigvalsh(einsum_hessian(n)),
            },
            repeats=2 if network.P > 3000 else 5,
        )
        yield Row(
            f"{name} ({N_i}, {N_h}), P = {network.P}",
            taken["ours"],
            "einsum + scipy.linalg.eigvalsh",
            taken["theirs"],
            required,
            peak_megabytes(solve, name, N_i, N_h),
            {
                "route": spectrum_plan(network.activation, N_i, N_h).route,
                "largest difference / λ_max": np.abs(found.eigenvalues - expected).max()
                / expected[-1],
                "error bound / λ_max": found.error / expected[-1],
            },
        )
    yield _against_lapack(12 if quick else 40)


def _against_lapack(N: int) -> Row:
    network = sample_teacher("erf", N, N, seed=0)
    H = hessian(network)
    taken = turns(
        {"ours": lambda: spectrum(network), "theirs": lambda: linalg.eigvalsh(H)}, repeats=7
    )
    return Row(
        f"erf ({N}, {N}), P = {network.P}",
        taken["ours"],
        "scipy.linalg.eigvalsh of the assembled H",
        taken["theirs"],
        required=1.0,
        megabytes=peak_megabytes(solve, "erf", N, N),
        notes={"route": spectrum_plan(network.activation, N, N).route},
    )
