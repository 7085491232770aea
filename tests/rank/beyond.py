"""Tables of exact ranks for networks with biases and several outputs."""

import csv
import random
import re
from math import comb
from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial, chebyshev, hermite_e

FOLDER = Path(__file__).parents[1] / "reference" / "beyond"
SPECIAL = {
    "(x^2-1)^2+x": lambda x: (x**2 - 1) ** 2 + x,
    "(x^2+1)^2": lambda x: (x**2 + 1) ** 2,
    "(x^3+x+1)^2": lambda x: (x**3 + x + 1) ** 2,
    "x^2(x-1)(x+1)": lambda x: x**2 * (x - 1) * (x + 1),
    "x^2(x-3)": lambda x: x**2 * (x - 3),
    "(x^3+x)^2": lambda x: (x**3 + x) ** 2,
    "x(x^2+1)^2": lambda x: x * (x**2 + 1) ** 2,
    "(x^2+1)^3": lambda x: (x**2 + 1) ** 3,
}


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def sizes(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in ("N_i", "N_h", "N_o") if name in row)


def support(row: dict[str, str]) -> tuple[int, ...] | None:
    """The degrees of a form that has generic coefficients, or None."""
    form, n = row["form"], int(row["n"])
    known = {
        "full": range(1, n + 1),
        "full+const": range(n + 1),
        "full0": range(n + 1),
        "pure": (n,),
        "pure+const": (0, n),
        "pure+c": (0, n),
        "x^n+x": (1, n),
        "x^n+x^(n-2)": (n - 2, n),
    }
    if form in known:
        return tuple(known[form])
    normal = re.fullmatch(r"normal_x\^\d+\+x\^(\d+)(\+c)?", form)
    if normal:
        return tuple(sorted({int(normal[1]), n} | ({0} if normal[2] else set())))
    return None


def coefficients(row: dict[str, str]) -> list[float]:
    """The polynomial of a row, with generic coefficients where it does not give them."""
    n, form = int(row["n"]), row["form"]
    degrees = support(row)
    if degrees is not None:
        rng = random.Random(f"{form} {n}")
        return [float(rng.randint(3, 99)) if d in degrees else 0.0 for d in range(n + 1)]
    if form == "power of (x+1) - 1":
        return [0.0, *(float(comb(n, d)) for d in range(1, n + 1))]
    if form == "1..1":
        return [0.0, *[1.0] * n]
    if form.startswith("He"):
        return hermite_e.herme2poly([0] * n + [1]).tolist()
    if form.startswith("T"):
        return chebyshev.cheb2poly([0] * n + [1]).tolist()
    sums = re.fullmatch(r"x\^(\d)\+x(?:\^(\d))?", form)
    if sums:
        return [float(d in (n, int(sums[2] or 1))) for d in range(n + 1)]
    x = Polynomial([0.0, 1.0])
    return np.asarray(SPECIAL[form](x).coef).tolist()
