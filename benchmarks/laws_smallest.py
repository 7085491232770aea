"""The smallest eigenvalue of odd activations and quadratic networks (docs/laws.md, sec. 14).

    python benchmarks/laws_smallest.py erf 10 20 40 --teachers 60
    python benchmarks/laws_smallest.py quadratic 10 20 40 --ratio 2 --teachers 40

Prints the median, and the tenth and ninth tenth, of the smallest eigenvalue that is not zero over
`κ min W2²`, or over `2 a1 g/N_h` for quadratic networks, g the smallest eigenvalue of
`W1^T D² W1` that is not zero; for these also the median of the eigenvalue itself. N is N_i, and
`--ratio` is N_h/N_i. erf at N = 80 takes about half a minute a teacher on one core.
"""

import argparse

import numpy as np
from scipy import linalg

from hessweep import hessian, sample_teacher, spectrum
from hessweep.laws import coefficients
from hessweep.networks import Network
from hessweep.rank import effective_parameters

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


def smallest_of_quadratic(teacher: Network) -> float:
    """Return the smallest eigenvalue that is not zero; the number of zeros is known."""
    N_h, N_i = teacher.W1.shape
    return float(spectrum(teacher)[-effective_parameters(teacher.activation, N_i, N_h)])


def pair_of_smallest(teacher: Network) -> float:
    """Return `2 a1 g/N_h`."""
    N_h = len(teacher.W2)
    values = np.linalg.svd(np.sqrt(N_h) * teacher.W2[:, None] * teacher.W1, compute_uv=False)
    return 2 * coefficients(teacher.activation).a1 * float(values.min()) ** 2 / N_h


def main() -> None:
    """Print one row for each N."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("activation", choices=("erf", "tanh", "sin", "quadratic"))
    parser.add_argument("N", type=int, nargs="+")
    parser.add_argument("--ratio", type=float, default=1.0)
    parser.add_argument("--teachers", type=int, default=10)
    arguments = parser.parse_args()
    name, kappa = arguments.activation, coefficients(arguments.activation).kappa
    for N in arguments.N:
        ratios, values = [], []
        for seed in range(arguments.teachers):
            teacher = sample_teacher(name, N, round(arguments.ratio * N), seed)
            if name == "quadratic":
                values.append(smallest_of_quadratic(teacher))
                ratios.append(values[-1] / pair_of_smallest(teacher))
            else:
                values.append(smallest(hessian(teacher)))
                ratios.append(values[-1] / (kappa * float((teacher.W2**2).min())))
        low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
        print(f"{name} {N:4} {middle:.3f} ({low:.3f} to {high:.3f})", end="")
        print(f"  {np.median(values):.3e}" if name == "quadratic" else "", flush=True)


if __name__ == "__main__":
    main()
