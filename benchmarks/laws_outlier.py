"""Means of the largest eigenvalue over teachers, against `outlier_mean`.

    python benchmarks/laws_outlier.py                              # the table of docs/laws.md
    python benchmarks/laws_outlier.py 80x80 gelu --teachers 100    # one size, some activations

Sizes are N_i x N_h; quadratic0.3 is x + 0.3 x². Each row has the mean over teachers, the mean with
controls, what the law says, and how many standard errors the second is away from it. The controls
are numbers of known mean that most of the scatter comes from, such as `|W2|²`; taking out what
they explain makes the standard error some twenty times smaller.
"""

import argparse

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.sparse.linalg import eigsh

from hessweep import sample_teacher
from hessweep.activations import Activation, activation
from hessweep.hessian import hessian_operator
from hessweep.laws import outlier_mean

NAMES = ("quadratic0.3", "quadratic1", "quadratic3", "relu", "gelu", "softplus")
SIZES = ("80x80", "240x80", "80x240")


def named(name: str) -> Activation:
    """Return an activation by the name of its row."""
    if name.startswith("quadratic"):
        return activation("quadratic", epsilon=float(name.removeprefix("quadratic")))
    return activation(name)


def largest(
    g: Activation, N_i: int, N_h: int, seed: int
) -> tuple[float, Float[ndarray, " controls"]]:
    """Return the largest eigenvalue of one teacher, and its controls, which have the mean 0."""
    teacher = sample_teacher(g, N_i, N_h, seed)
    start = np.r_[np.zeros(N_h * N_i), np.ones(N_h)]
    H = hessian_operator(teacher)
    [found] = eigsh(H, 1, v0=start, tol=1e-8, return_eigenvectors=False)
    W1, squares = teacher.W1, teacher.W2**2
    excess = (W1**2).sum(axis=1) - 1
    total = W1.sum(axis=0)
    return float(found), np.array([
        excess.sum(), (excess**2).sum() - 2 * N_h / N_i, total @ total / N_h - 1,
        squares.sum() - 1, squares @ excess,
    ])  # fmt: skip


def means(
    g: Activation, N_i: int, N_h: int, teachers: int, first_seed: int
) -> tuple[float, float, float, float]:
    """Return the mean over teachers and its standard error, without and with controls."""
    pairs = [largest(g, N_i, N_h, first_seed + k) for k in range(teachers)]
    values = np.array([value for value, _ in pairs])
    columns = np.c_[np.ones(teachers), np.array([controls for _, controls in pairs])]
    fitted = np.linalg.lstsq(columns, values)[0]
    left = values - columns @ fitted
    variance = left @ left / (teachers - columns.shape[1])
    error = np.sqrt(variance * np.linalg.inv(columns.T @ columns)[0, 0])
    return values.mean(), values.std(ddof=1) / np.sqrt(teachers), fitted[0], error


def main() -> None:
    """Print one row for each activation and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("size", nargs="?", help="N_i x N_h, such as 80x240")
    parser.add_argument("activations", nargs="*")
    parser.add_argument("--teachers", type=int, default=400)
    parser.add_argument("--first-seed", type=int, default=50_000)
    arguments = parser.parse_args()
    for name in arguments.activations or NAMES:
        g = named(name)
        for size in [arguments.size] if arguments.size else SIZES:
            N_i, N_h = map(int, size.split("x"))
            plain, scatter, mean, error = means(
                g, N_i, N_h, arguments.teachers, arguments.first_seed
            )
            predicted = outlier_mean(g, N_i, N_h)
            print(
                f"{name:12} {N_i:4} {N_h:4}  {plain:9.4f} ± {scatter:.4f}  {mean:9.4f} ± "
                f"{error:.4f}  predicted {predicted:9.4f}  {(mean - predicted) / error:+.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
