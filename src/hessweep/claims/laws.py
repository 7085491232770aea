"""Claims on the eigenvalue laws of the linear network (sec. 3.1, App. A, E; Figs 2, 6-9)."""

import numpy as np
import xarray as xr
from numpy import ndarray

from hessweep.analysis import block_spectra, ks_noise, linear_networks, non_zero
from hessweep.claims.claim import Claim, verdict
from hessweep.laws import Law, block_B_law, chi_square_law, hessian_law, ks_distance, law_distance

NARROW, WIDE = (10, 20), (30, 10)
"""The paper's (N_i, N_h) with N_i below and above N_h."""

SAMPLING = 2.0
"""A distance up to this multiple of what sampling alone makes is agreement."""


def _spectra(
    results: xr.DataTree, size: tuple[int, int], weights: str = "normal"
) -> list[ndarray]:
    return non_zero(linear_networks(results, *size, weights))


def _block_spectra(results: xr.DataTree, block: str) -> list[ndarray]:
    return block_spectra(block, *NARROW, linear_networks(results, *NARROW)["seed"])


def _against(rows: list[ndarray], limit: Law, exact: Law) -> tuple[str, bool]:
    """Return distances to the asymptotic and the exact law, and whether these explain them.

    The asymptotic law is off at finite size by its distance to the exact one; more than that
    and sampling is a disagreement.
    """
    sample, noise = np.concatenate(rows), ks_noise(rows)
    to_limit, to_exact = ks_distance(sample, limit), ks_distance(sample, exact)
    off = law_distance(limit, exact)
    holds = to_exact <= SAMPLING * noise and to_limit <= off + SAMPLING * noise
    text = (
        f"KS distance {to_limit:.4f} to the asymptotic law, which is {off:.4f} from the exact "
        f"one; {to_exact:.4f} to the exact law; sampling alone makes {noise:.4f}"
    )
    return text, holds


def _hessian_spectrum(results: xr.DataTree, size: tuple[int, int], claim: str) -> Claim:
    rows = _spectra(results, size)
    measured, holds = _against(rows, hessian_law(*size), hessian_law(*size, exact=True))
    return Claim(f"Fig. 2, N_i, N_h = {size}", claim, measured, len(rows), verdict(holds))


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
        f"KS distance {distance:.4f}; sampling alone makes {noise:.4f}",
        len(rows),
        verdict(distance <= SAMPLING * noise),
    )


def block_B(results: xr.DataTree) -> Claim:
    """App. A.2, eq. (15): block B, with the variance that the paper prints and the right one."""
    N_i, N_h = NARROW
    rows = _block_spectra(results, "B")
    measured, holds = _against(rows, block_B_law(N_i, N_h), block_B_law(N_i, N_h, exact=True))
    mean = float(np.mean(np.concatenate(rows)))
    return Claim(
        "eq. (15), Fig. 7",
        "block B follows Marchenko-Pastur; printed with σ² = 1/N_i, right with σ² = 1 and ratio "
        "λ = N_h/N_i",
        f"{measured}; mean {mean:.3f}, where σ² = 1 gives 1 and σ² = 1/N_i {1 / N_i:.1f}",
        len(rows),
        "holds with correction" if holds else "fails",
    )


def other_weights(results: xr.DataTree) -> Claim:
    """App. E, Figs 8, 9: universality at (10, 20), deviation at (30, 10)."""
    distances: dict[tuple[int, int], list[str]] = {NARROW: [], WIDE: []}
    factors: dict[tuple[int, int], list[float]] = {NARROW: [], WIDE: []}
    points = 0
    for size, shown in distances.items():
        law = hessian_law(*size, exact=True)
        for weights in ("uniform", "rademacher", "laplace", "student-t"):
            rows = _spectra(results, size, weights)
            distance = ks_distance(np.concatenate(rows), law)
            shown.append(f"{weights} {distance:.3f}")
            factors[size].append(distance)
            points += len(rows)
    holds = np.median(factors[WIDE]) > 2 * np.median(factors[NARROW])
    return Claim(
        "App. E, Figs 8, 9",
        "other weight distributions give the same density at (10, 20) and deviate at (30, 10)",
        f"KS distances to the normal law: {NARROW}: {', '.join(distances[NARROW])}; "
        f"{WIDE}: {', '.join(distances[WIDE])}",
        points,
        verdict(bool(holds)),
    )


CLAIMS = (block_A, block_B, narrow_spectrum, wide_spectrum, other_weights)
