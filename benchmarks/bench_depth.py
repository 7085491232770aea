"""How fast are ranks and spectra of deep networks, and how good are the errors of sampled ones?"""

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
from measure import Row, turns

from hessweep import sample_deep_teacher, spectrum
from hessweep.hessian.deep_linear import linear_hessian
from hessweep.networks import DeepNetwork, Network
from hessweep.rank import mersenne
from hessweep.rank.deep_polynomial import deep_modular_rank, gradient_residues
from hessweep.rank.formulas_deep import formula_of
from hessweep.spectrum import sampled_spectrum, spectrum_with_error

CUBIC = [(10, 18, 18, 18, 10), (20, 15, 15, 15, 17), (3, 20, 20, 20, 7), (4, 25, 22, 14, 3)]
"""Four layers and some 1,000 parameters."""

KINDS = ("erf", "gelu", "relu", "linear")


def rows(quick: bool) -> Iterator[Row]:
    """Yield modular ranks, deep linear spectra, and the honesty of sampled spectra."""
    for widths in CUBIC[: 1 if quick else None]:
        yield modular_row(sample_deep_teacher("cubic", widths, 0))
    yield linear_row(sample_deep_teacher("linear", (8 if quick else 20,) * 6, 0))
    wide = sample_deep_teacher("linear", (100, 100, 100, 100, 1), 0)
    seconds = turns({"ours": partial(spectrum, wide)}, 5)["ours"]
    yield Row("linear spectrum (100, 100, 100, 100, 1)", seconds, notes={"P": wide.P})
    yield honesty_row(2 if quick else 25)


def modular_row(network: DeepNetwork) -> Row:
    """Compare a modular rank, gradients and conversion included, with FLINT's elimination."""
    upper = formula_of(network.activations, network.widths, network.biased).value or network.P
    matrix = mersenne.flint_matrix(gradient_residues(network, upper))
    taken = turns({"whole": partial(deep_modular_rank, network, upper), "alone": matrix.rank}, 5)
    whole, alone = taken["whole"], taken["alone"]
    notes = {"P": network.P, "rank": int(matrix.rank())}
    case = f"modular rank {network.widths}"
    return Row(case, whole, "FLINT's elimination alone", alone, 0.5, notes=notes)


def linear_row(network: DeepNetwork) -> Row:
    """Compare the closed form with the eigenvalues of the assembled matrix."""
    taken = turns(
        {
            "closed": partial(spectrum, network),
            "dense": lambda: np.linalg.eigvalsh(linear_hessian(network)),
        },
        3,
    )
    closed, dense = taken["closed"], taken["dense"]
    case = f"linear spectrum {network.widths}"
    return Row(case, closed, "the dense matrix", dense, 10, notes={"P": network.P})


def honesty_row(seeds: int) -> Row:
    """Count in how many networks all sampled eigenvalues are inside their stated error."""
    inside, ratios = [], []
    for kind, seed in product(KINDS, range(seeds)):
        rng = np.random.default_rng(seed)
        if kind == "linear":
            widths = tuple(rng.integers(2, 5, 4).tolist())
            network = sample_deep_teacher(kind, widths, seed, biases="both")
            exact = spectrum_with_error(network)
        else:
            widths = (int(rng.integers(2, 7)), int(rng.integers(2, 6)), 1)
            network = sample_deep_teacher(kind, widths, seed)
            W1, W2 = network.weights
            exact = spectrum_with_error(Network(W1, W2[0], kind))
        found = sampled_spectrum(network, 0.25)
        off = np.abs(found.eigenvalues - exact.eigenvalues)
        inside.append((off <= found.errors + exact.error).all())
        known = exact.eigenvalues > 1e3 * exact.error
        if found.rule == "sobol":
            worst = (off[known] / exact.eigenvalues[known]).max()
            ratios.append(found.relative_error / worst)
    seconds = turns({"ours": partial(sampled_spectrum, network, 0.25)}, 3)["ours"]
    notes = {
        "inside the stated error": f"{np.sum(inside)} of {len(inside)}",
        "stated over true error, median": f"{np.median(ratios):.1f}",
        "the same, smallest": f"{np.min(ratios):.1f}",
    }
    return Row("sampled spectra against exact ones", seconds, notes=notes)
