"""Tables of the law of the bulk at random coefficients and sizes, against the count.

    python benchmarks/laws_bulk.py                          # 40 laws, normal output weights
    python benchmarks/laws_bulk.py --count 9 --weights uniform laplace student-t --seed 2

But for its scale the law depends on `a1/a2` and on γ alone. Each row has them, the stated error of
the table, the largest difference to the count at 12 random quantiles, and the processor time in
seconds of the table and of the count. Half of the laws have the `a1/a2` of an activation of the
package, and half of them γ from 0.5 to 10, where gaps open; the others are from anywhere.
"""

import argparse
import time

import numpy as np

from hessweep.activations import activation
from hessweep.errors import PrecisionError
from hessweep.laws import bulk_law, coefficients
from hessweep.laws.gamma import Gamma
from hessweep.laws.output_weights import LAWS
from hessweep.laws.pair_sums import bulk_tail

NAMES = ("relu", "gelu", "softplus", "swish", "cubic", "cos", "exp", "gaussian")
QUANTILES = 12


def random_law(rng: np.random.Generator) -> tuple[float, float]:
    """Return `a1/a2` and γ."""
    c = coefficients(NAMES[rng.integers(len(NAMES))])
    quotient = c.a1 / c.a2 if rng.random() < 0.5 else 10 ** rng.uniform(-2, 3)
    ratio = 10 ** rng.uniform(-0.3, 1) if rng.random() < 0.5 else 10 ** rng.uniform(-2, 2)
    return float(quotient), float(ratio)


def row(quotient: float, ratio: float, weights: str, rng: np.random.Generator) -> str:
    """Return the error, the largest difference to the count, and the times of one law."""
    # x + d x² + x³ has a1 = 4 d² and a2 = 18.
    g = activation("polynomial", coefficients=[0, 1, float(np.sqrt(4.5 * quotient)), 1])
    start = time.process_time()
    try:
        law = bulk_law(g, ratio, weights)
    except PrecisionError as error:
        return f"{error} ({time.process_time() - start:.1f} s)"
    made = time.process_time()
    z = law.ppf(law.atom + (1 - law.atom) * rng.random(QUANTILES))
    with np.errstate(all="ignore"):
        counted = bulk_tail(Gamma(LAWS[weights], 18.0, ratio), 4.5 * quotient * 4, z)
    difference = np.abs(counted - law.sf(z)).max()
    return (
        f"stated {law.continuous.error:.1e}  found {difference:.1e}  "
        f"{made - start:.1f} s  {time.process_time() - made:.1f} s"
    )


def main() -> None:
    """Print one row for each law."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--weights", choices=LAWS, nargs="+", default=["normal"])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    for k in range(arguments.count):
        weights = arguments.weights[k % len(arguments.weights)]
        quotient, ratio = random_law(rng)
        print(f"{weights:11} a1/a2 {quotient:10.5g}  γ {ratio:10.5g}  ", end="", flush=True)
        print(row(quotient, ratio, weights, rng), flush=True)


if __name__ == "__main__":
    main()
