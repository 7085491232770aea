"""Attack the exact law of H at random sizes with ball arithmetic.

Run `python benchmarks/laws_accuracy.py SEED SECONDS`.
Prints every new worst case: the true error over the stated one, and the relative errors of cdf, sf
and pdf, of probabilities down to 1e-30. Takes a seed and a number of seconds.
"""

import sys
from functools import lru_cache
from time import monotonic

import numpy as np
from flint import arb, ctx

from hessweep.errors import PrecisionError
from hessweep.laws import hessian_law

BITS = 256
FIRST_NODES, LAST_NODES = 48, 1600
CONVERGED = 1e-18


@lru_cache
def rule(nodes: int) -> list[tuple[arb, arb, arb]]:
    """Gauss-Legendre in an angle, `t = x sin²`."""
    result = []
    for i in range(nodes):
        u, weight = arb.legendre_p_root(nodes, i, weight=True)
        angle = (1 + u) * arb.pi() / 4
        sine, cosine = angle.sin(), angle.cos()
        result.append((sine**2, cosine**2, weight * arb.pi() / 2 * sine * cosine))
    return result


def wishart(x: arb, N: int, M: int) -> arb:
    """Density of the eigenvalues of X X^T, of integral N (docs/laws.md, eq. 7)."""
    a = M - N
    psi = ((a * x.log() - x - arb(a + 1).lgamma()) / 2).exp()
    total = (arb(a + 1) / 2 * arb(2).log() + (arb(a + 1) / 2).lgamma()).exp()
    total /= (arb(a + 1).lgamma() / 2).exp()
    J = total * (x / 2).gamma_lower(arb(a + 1) / 2, regularized=1)
    b = [arb(j * (j + a)).sqrt() for j in range(N + 1)]
    psi_before = J_before = total_before = squares = integral = arb(0)
    for j in range(N - 1):
        squares += psi**2
        integral = 2 * J - total
        J_before, J = J, (b[j] * J_before + 2 * x.sqrt() * psi) / b[j + 1]
        total_before, total = total, b[j] * total_before / b[j + 1]
        psi_before, psi = psi, ((2 * j + 1 + a - x) * psi - b[j] * psi_before) / b[j + 1]
    last = psi / x.sqrt()
    return squares - b[N - 1] / 4 * last * integral + (last / total if N % 2 else 0)


def integrated(x: float, N_i: int, N_h: int, nodes: int) -> tuple[arb, arb]:
    """Return cdf and pdf of the eigenvalues of the linear H, by a rule of so many nodes."""
    N, M = sorted((N_i, N_h))
    order, X = arb(N_h) / 2, arb(x)

    def chi(s: arb) -> tuple[arb, arb]:
        y = N_h * s / 2
        density = arb(N_h) / 2 * ((order - 1) * y.log() - y - order.lgamma()).exp()
        return y.gamma_lower(order, regularized=1), density

    cdf = pdf = arb(0)
    for share, rest, weight in rule(nodes):
        rho = wishart(X * share * N_i, N, M) * N_i / N * weight * X
        below, density = chi(X * rest)
        cdf, pdf = (cdf + rho * below).mid(), (pdf + rho * density).mid()
    atom = arb(max(0, N_i - N_h)) / N_i
    below, density = chi(X)
    return (1 - atom) * cdf + atom * below, (1 - atom) * pdf + atom * density


def reference(x: float, N_i: int, N_h: int) -> tuple[arb, arb] | None:
    """Return cdf and pdf, or None where more nodes than the last still change them."""
    nodes, before = FIRST_NODES, None
    while nodes <= LAST_NODES:
        cdf, pdf = integrated(x, N_i, N_h, nodes)
        if (
            before
            and abs(before[0] / cdf - 1) < CONVERGED
            and abs(before[1] / pdf - 1) < CONVERGED
        ):
            return cdf, pdf
        before, nodes = (cdf, pdf), nodes * 3 // 2
    return None


def size(rng: np.random.Generator, largest: int) -> int:
    """Return a size that is uniform in its logarithm."""
    return int(np.exp(rng.uniform(0, np.log(largest + 1))))


def main(seed: int, seconds: float) -> None:
    """Attack until the time is over."""
    ctx.prec = BITS
    rng, end = np.random.default_rng(seed), monotonic() + seconds
    worst: dict[str, float] = {}
    counts = {"laws": 0, "points": 0, "without a reference": 0, "refused": 0}
    while monotonic() < end:
        pair = (
            (size(rng, 40), size(rng, 40))
            if rng.random() < 0.5
            else (size(rng, 14), size(rng, 1000))
        )
        N_i, N_h = pair if rng.random() < 0.5 else pair[::-1]
        try:
            law = hessian_law(N_i, N_h, True)
        except PrecisionError as error:
            counts["refused"] += 1
            print(N_i, N_h, error)
            continue
        counts["laws"] += 1
        for kind in range(4):
            q = rng.random() if kind % 2 else 10 ** rng.uniform(-30, -1)
            x = float(law.ppf(q)) if kind else law.mean() + rng.uniform(0, 12) * law.std()
            true = reference(x, N_i, N_h)
            if true is None:
                counts["without a reference"] += 1
                continue
            counts["points"] += 1
            (cdf, pdf), stated = true, law.continuous.error
            below, above = (
                abs(float(got) - is_) for got, is_ in ((law.cdf(x), cdf), (law.sf(x), 1 - cdf))
            )
            found = {
                "error / stated": float((below.max(above) / stated).mid()),
                "cdf, relative": float((below / cdf).mid()),
                "sf, relative": float((above / (1 - cdf)).mid()),
                "pdf, relative": float(abs(float(law.pdf(x)) / pdf - 1).mid()),
            }
            for name, value in found.items():
                if value > worst.get(name, 0):
                    worst[name] = value
                    print(f"{name}: {value:.3g} at ({N_i}, {N_h}), x = {x!r}", flush=True)
    print(counts, worst)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
