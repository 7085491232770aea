"""The smallest eigenvalue of odd activations against `κ min W2²` (docs/laws.md, sec. 14).

    python benchmarks/laws_smallest.py erf 10 20 40 --teachers 60

Prints the median of the ratio for `N_i = N_h = N`, and its tenth and ninth tenth. N = 80 takes
about half a minute a teacher on one core.
"""

import argparse

import numpy as np
from scipy import linalg

from hessweep import hessian, sample_teacher
from hessweep.laws import coefficients

STEPS = 40
"""The most steps of inverse iteration; it ends where the eigenvalue changes by less than 1e-6."""


def smallest(H: np.ndarray) -> float:
    """Return the smallest eigenvalue of a positive definite matrix, by inverse iteration."""
    factor = linalg.cho_factor(H, lower=True, overwrite_a=True, check_finite=False)
    vector = np.random.default_rng(0).standard_normal(len(H))
    size = 1.0
    for _ in range(STEPS):
        vector = linalg.cho_solve(factor, vector / np.linalg.norm(vector), check_finite=False)
        before, size = size, float(np.linalg.norm(vector))
        if abs(before / size - 1) < 1e-6:
            break
    return 1 / size


def main() -> None:
    """Print one row for each N."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("activation", choices=("erf", "tanh", "sin"))
    parser.add_argument("N", type=int, nargs="+")
    parser.add_argument("--teachers", type=int, default=10)
    arguments = parser.parse_args()
    kappa = coefficients(arguments.activation).kappa
    for N in arguments.N:
        ratios = []
        for seed in range(arguments.teachers):
            teacher = sample_teacher(arguments.activation, N, N, seed)
            least = smallest(hessian(teacher))
            ratios.append(least / (kappa * float((teacher.W2**2).min())))
        low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
        print(f"{arguments.activation} {N:4} {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
