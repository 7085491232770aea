"""Distances of the spectra of single teachers to `spectrum_law` given their weights.

    python benchmarks/laws_distances.py                      # all of docs/laws.md, sec. 13
    python benchmarks/laws_distances.py 40x40 sin softplus   # one size, some activations
    python benchmarks/laws_distances.py 40x40 relu --weights rademacher --seeds 0 1
    python benchmarks/laws_distances.py 10x30,20x60,30x90    # how fast they fall

Sizes are N_i x N_h. Each row ends with the distance of every seed. Several sizes with commas
between them give one row for each activation: the mean over the seeds at each size, and the power
of the size that fits them best. A spectrum of P = 10 000 takes
two to ten minutes on one core, and its law as long again.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hessweep import sample_teacher, spectrum
from hessweep.activations import Activation, activation
from hessweep.laws import spectrum_distance, spectrum_law
from hessweep.networks import WEIGHTS

NAMES = (
    "quadratic", "relu", "gelu", "softplus", "swish", "mish", "power4", "cubic",
    "erf", "tanh", "sin", "power3",
)  # fmt: skip
SIZES = ("10x10", "20x20", "40x40", "80x80", "30x90", "120x40", "200x50", "50x200")


def mish() -> Activation:
    """Return `x tanh(log(1 + e^x))`, which hessweep does not have."""
    source = "import numpy as np\n\n\ndef mish(x):\n    return x * np.tanh(np.logaddexp(0, x))\n"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mish.py"
        path.write_text(source, encoding="utf-8")
        return activation("mish", file=str(path))


def named(name: str) -> Activation:
    """Return an activation by the name of its row."""
    if name == "mish":
        return mish()
    return activation("power", degree=int(name[5:])) if name[:5] == "power" else activation(name)


def distance(name: str, N_i: int, N_h: int, weights: str, seed: int) -> float:
    """Return the Kolmogorov-Smirnov distance of one teacher's eigenvalues to their law."""
    teacher = sample_teacher(named(name), N_i, N_h, seed, weights)
    law = spectrum_law(teacher.activation, N_i, N_h, weights, W1=teacher.W1, W2=teacher.W2)
    return spectrum_distance(spectrum(teacher), law, points=60)


def print_exponents(sizes: list[str], names: list[str], weights: str, seeds: list[int]) -> None:
    """Print the means over seeds at all sizes, and the exponent of the size."""
    pairs = [tuple(map(int, size.split("x"))) for size in sizes]
    for name in names:
        print(f"{name:10}", end="", flush=True)
        means = []
        for N_i, N_h in pairs:
            means.append(np.mean([distance(name, N_i, N_h, weights, seed) for seed in seeds]))
            print(f" {means[-1]:.4f}", end="", flush=True)
        slope = np.polyfit(np.log([N_i for N_i, _ in pairs]), np.log(means), 1)[0]
        print(f"  exponent {slope:.2f}", flush=True)


def main() -> None:
    """Print one row for each activation and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("size", nargs="?", help="N_i x N_h, such as 30x90, or some of them")
    parser.add_argument("activations", nargs="*")
    parser.add_argument("--weights", choices=WEIGHTS, default="normal")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    arguments = parser.parse_args()
    if arguments.size and "," in arguments.size:
        names = arguments.activations or list(NAMES)
        print_exponents(arguments.size.split(","), names, arguments.weights, arguments.seeds)
        return
    for size in [arguments.size] if arguments.size else SIZES:
        N_i, N_h = map(int, size.split("x"))
        for name in arguments.activations or NAMES:
            print(f"{name:10} {N_i:4} {N_h:4} {arguments.weights:10}", end="", flush=True)
            for seed in arguments.seeds:
                found = distance(name, N_i, N_h, arguments.weights, seed)
                print(f" {found:.4f}", end="", flush=True)
            print()


if __name__ == "__main__":
    main()
