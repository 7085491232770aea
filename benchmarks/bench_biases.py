"""How fast are networks with both biases beside those without?"""

from collections.abc import Iterator

import numpy as np
from measure import Row, turns

from hessweep.activations import ACTIVATIONS, Activation, activation
from hessweep.hessian import hessian_operator
from hessweep.networks import sample_teacher, sample_teachers
from hessweep.spectrum import spectra_of

PARAMETERS = {"power": {"degree": 3}, "polynomial": {"coefficients": [1.0, 0.0, 0.5, 0.0, 0.2]}}
N = 10
QUICK = ("quadratic", "erf")


def rows(quick: bool) -> Iterator[Row]:
    """Yield seconds of spectra at (10, 10) for each activation, then of a product at P = 10⁶."""
    for name in QUICK if quick else ACTIVATIONS:
        yield _spectra(activation(name, **PARAMETERS.get(name, {})), quick)
    yield _product(100 if quick else 1000)


def _spectra(g: Activation, quick: bool) -> Row:
    S = 4 if g.is_numeric else 64 if quick else 8192 if g.is_linear else 512
    plain = sample_teachers(g, N, N, range(S))
    biased = [sample_teacher(g, N, N, seed, biases="both") for seed in range(S)]
    taken = turns(
        {"with": lambda: spectra_of(biased), "without": lambda: spectra_of(plain)},
        repeats=5 if g.is_numeric else 21,
    )
    return Row(
        f"{S} x {g.label} ({N}, {N}) with both biases, P = {biased[0].P}",
        taken["with"],
        f"without, P = {plain[0].P}",
        taken["without"],
        required=0.5,
        notes={"spectra a second": round(S / taken["with"])},
    )


def _product(size: int) -> Row:
    operators = {
        key: hessian_operator(sample_teacher("erf", size, size, seed=0, biases=biases))
        for key, biases in (("with", "both"), ("without", "none"))
    }
    v = {key: np.ones(operator.shape[0]) for key, operator in operators.items()}
    taken = turns({key: lambda key=key: operators[key] @ v[key] for key in operators}, repeats=20)
    return Row(
        f"product, erf ({size}, {size}) with both biases, P = {operators['with'].shape[0]}",
        taken["with"],
        "without",
        taken["without"],
        required=1 / 1.5,
    )
