"""Claims on the eigenvalue laws of the linear network (sec. 3.1, App. A, E; Figs 2, 6-9)."""

import numpy as np
import xarray as xr
from numpy import ndarray

from hessweep.analysis import block_spectra, ks_noise, linear_networks, non_zero
from hessweep.claims.claim import Claim, corrected, verdict
from hessweep.laws import Law, block_B_law, chi_square_law, hessian_law, ks_distance, law_distance

NARROW, WIDE = (10, 20), (30, 10)
"""The paper's (N_i, N_h) with N_i below and above N_h."""

OTHER_WEIGHTS = ("uniform", "rademacher", "laplace", "student-t")
"""Weight distributions of App. E."""

SAMPLING = 2.0
"""A sample agrees with a law up to this multiple of the distance expected from sampling."""

AGREES = f"at most {SAMPLING:g} times the distance expected from sampling"

ASYMPTOTIC_RULE = (
    f"distance to the exact law {AGREES}; distance to the asymptotic law at most that much "
    "beyond its distance to the exact law"
)


def _spectra(
    results: xr.DataTree, size: tuple[int, int], weights: str = "normal"
) -> list[ndarray]:
    return non_zero(linear_networks(results, *size, weights))


def _block_spectra(results: xr.DataTree, block: str) -> list[ndarray]:
    return block_spectra(block, *NARROW, linear_networks(results, *NARROW)["seed"])


def _against(rows: list[ndarray], limit: Law, exact: Law) -> tuple[str, bool]:
    """Return the distances to the asymptotic and the exact law, and whether both laws hold.

    At finite size the asymptotic law is wrong by its distance to the exact law. The sample
    disagrees with it only if its distance exceeds that by more than sampling explains.
    """
    sample, noise = np.concatenate(rows), ks_noise(rows)
    to_limit, to_exact = ks_distance(sample, limit), ks_distance(sample, exact)
    apart = law_distance(limit, exact)
    holds = to_exact <= SAMPLING * noise and to_limit <= apart + SAMPLING * noise
    text = (
        f"KS distance {to_limit:.4f} to the asymptotic law, which is {apart:.4f} from the exact "
        f"one; {to_exact:.4f} to the exact law; {noise:.4f} expected from sampling"
    )
    return text, holds


def _hessian_spectrum(results: xr.DataTree, size: tuple[int, int], claim: str) -> Claim:
    rows = _spectra(results, size)
    measured, holds = _against(rows, hessian_law(*size), hessian_law(*size, exact=True))
    source = f"sec. 3.1, Fig. 2, (N_i, N_h) = {size}"
    return Claim(source, claim, measured, len(rows), ASYMPTOTIC_RULE, verdict(holds))


def narrow_spectrum(results: xr.DataTree) -> Claim:
    """Sec. 3.1: convolution for N_i <= N_h."""
    return _hessian_spectrum(
        results, NARROW, "eigenvalues of the linear H follow chi² ⊛ Marchenko-Pastur"
    )


def wide_spectrum(results: xr.DataTree) -> Claim:
    """Sec. 3.1: mixture for N_i > N_h."""
    return _hessian_spectrum(
        results, WIDE, "eigenvalues of the linear H follow a mixture of chi² and the convolution"
    )


def block_A(results: xr.DataTree) -> Claim:
    """App. A.1: the eigenvalue of block A."""
    _, N_h = NARROW
    rows = _block_spectra(results, "A")
    distance, noise = ks_distance(np.concatenate(rows), chi_square_law(N_h)), ks_noise(rows)
    return Claim(
        "App. A.1, Fig. 6",
        "block A has the eigenvalue |W2|², N_i times; N_h |W2|² is chi² of N_h degrees of freedom",
        f"KS distance {distance:.4f}; {noise:.4f} expected from sampling",
        len(rows),
        f"distance {AGREES}",
        verdict(distance <= SAMPLING * noise),
    )


def block_B(results: xr.DataTree) -> Claim:
    """App. A.2, eq. (15): block B, with the variance that the paper prints and the right one."""
    N_i, N_h = NARROW
    rows = _block_spectra(results, "B")
    measured, holds = _against(rows, block_B_law(N_i, N_h), block_B_law(N_i, N_h, exact=True))
    mean = float(np.mean(np.concatenate(rows)))
    return Claim(
        "App. A.2, eq. (15), Fig. 7",
        "block B follows Marchenko-Pastur; printed with σ² = 1/N_i, right with σ² = 1 and ratio "
        "λ = N_h/N_i",
        f"{measured}; mean {mean:.3f}, where σ² = 1 gives 1 and σ² = 1/N_i gives {1 / N_i:.1f}",
        len(rows),
        f"with σ² = 1: {ASYMPTOTIC_RULE}",
        corrected(holds),
    )


def other_weights(results: xr.DataTree) -> Claim:
    """App. E, Figs 8, 9: universality at (10, 20), deviation at (30, 10)."""
    distance: dict[tuple[int, int], list[float]] = {NARROW: [], WIDE: []}
    noise: dict[tuple[int, int], list[float]] = {NARROW: [], WIDE: []}
    points = 0
    for size in (NARROW, WIDE):
        law = hessian_law(*size, exact=True)
        for weights in OTHER_WEIGHTS:
            rows = _spectra(results, size, weights)
            distance[size].append(ks_distance(np.concatenate(rows), law))
            noise[size].append(ks_noise(rows))
            points += len(rows)
    same = {size: np.array(distance[size]) <= SAMPLING * np.array(noise[size]) for size in noise}
    measured = "; ".join(
        f"{size}: "
        + ", ".join(f"{w} {d:.3f}" for w, d in zip(OTHER_WEIGHTS, distance[size], strict=True))
        + f", where {min(noise[size]):.3f} to {max(noise[size]):.3f} is expected from sampling"
        for size in (NARROW, WIDE)
    )
    ratio = np.median(distance[WIDE]) / np.median(distance[NARROW])
    return Claim(
        "App. E, Figs 8, 9",
        "other weight distributions give the same density at (10, 20) and deviate at (30, 10)",
        f"KS distances to the law of normal weights at {measured}; the median distance is "
        f"{ratio:.1f} times larger at {WIDE}",
        points,
        f"at {NARROW} each distance {AGREES}; at {WIDE} each distance larger than that",
        verdict(bool(same[NARROW].all() and not same[WIDE].any())),
    )


CLAIMS = (block_A, block_B, narrow_spectrum, wide_spectrum, other_weights)
