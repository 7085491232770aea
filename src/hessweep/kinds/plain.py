"""Points of the paper's networks, without biases and with one output: all seeds together.

A small network takes microseconds, so that what is done for one point after the other in Python
takes longer than the mathematics. Nearly all random teachers have the rank of generic weights, and
float64 proves it: their columns are computed for all of them at once. The others' are computed one
by one.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from hessweep.kinds.result import ResultTable
from hessweep.kinds.students import known_learning_columns, learning_columns, student_columns
from hessweep.kinds.values import formula_columns, proof_columns, rank_columns, spectrum_columns

if TYPE_CHECKING:
    from hessweep.networks import NetworkStack
    from hessweep.setup import Setup
    from hessweep.spectrum import SpectrumStack


def plain_points(setup: "Setup", seeds: Sequence[int], networks: "NetworkStack") -> ResultTable:
    """Return the results of the seeds of a setup, whose networks are plain.

    Raises:
        PrecisionError: If an entry of a Hessian is too large for float64.
    """
    from hessweep.hessian import stacked_trace
    from hessweep.spectrum import stacked_spectra_with_error

    weights = networks.activation, networks.W1, networks.W2
    start = perf_counter()
    spectra = stacked_spectra_with_error(*weights)
    spectrum_time = (perf_counter() - start) / len(seeds)
    columns = {
        **spectrum_columns(setup, spectra, stacked_trace(*weights)),
        **_rank_columns(setup, networks, spectra),
        "spectrum_time": spectrum_time,
    }
    return ResultTable(setup, seeds, columns, {"eigenvalues": spectra.eigenvalues})


def _rank_columns(
    setup: "Setup",
    networks: "NetworkStack",
    spectra: "SpectrumStack",
) -> dict[str, Any]:
    """Return everything that is stored about the ranks, by column."""
    start = perf_counter()
    usual, columns = _of_usual(networks, spectra)
    by_formula = student_columns(setup)
    columns |= by_formula
    rank_time = np.full(len(networks), (perf_counter() - start) / len(networks))
    unusual = np.flatnonzero(~usual)
    if len(unusual):
        columns = {name: _array_of(value, len(networks)) for name, value in columns.items()}
    for place in unusual.tolist():
        start = perf_counter()
        network = networks[place]
        proof = rank_columns(network, spectra[place]) | by_formula
        own = proof | learning_columns(network, proof)
        rank_time[place] += perf_counter() - start
        for name, value in own.items():
            columns[name][place] = value
    return columns | {"rank_time": rank_time}


def _of_usual(
    networks: "NetworkStack", spectra: "SpectrumStack"
) -> tuple[Bool[ndarray, " S"], dict[str, Any]]:
    """Return which networks are usual ones, and what is stored about their ranks, by column.

    Those are usual whose eigenvalues in float64 prove the rank of generic weights, and give the
    smallest one of them well enough. What the columns say of the others means nothing.
    """
    from hessweep.rank.smallest import GOOD, has_balls, in_float64
    from hessweep.rank.usual import usual_rank

    first = networks[0]
    proof, usual = usual_rank(networks.activation, networks.W1, spectra)
    smallest, error = in_float64(spectra.eigenvalues, spectra.error, max(proof.value, 1))
    if has_balls(first):
        usual &= error <= GOOD
    return usual, {
        **proof_columns(proof, spectra, smallest, error),
        **formula_columns(first),
        **known_learning_columns(proof),
    }


def _array_of(value: Any, count: int) -> ndarray:
    """Return an array of its own with a value for each point."""
    if isinstance(value, ndarray):
        return value
    return np.full(count, value, object if isinstance(value, str) else None)
