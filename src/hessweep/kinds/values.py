"""Values of the columns that several kinds of measurement share."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.kinds.groups import group_columns

if TYPE_CHECKING:
    from hessweep.networks import Network
    from hessweep.rank import Rank
    from hessweep.rank.formulas import Formula
    from hessweep.setup import Setup
    from hessweep.spectrum import Spectrum, SpectrumStack


def spectrum_columns(
    setup: "Setup", spectrum: "Spectrum | SpectrumStack", trace: float | Float[ndarray, " S"]
) -> dict[str, Any]:
    """Return what is stored about a spectrum of all eigenvalues, by column.

    Args:
        setup: The point's.
        spectrum: The eigenvalues. Those of several points make columns with a value for each, or
            one value where it is the same for all.
        trace: The trace of H, computed without them.
    """
    return {
        "P": spectrum.eigenvalues.shape[-1],
        "lambda_max": spectrum.eigenvalues[..., -1],
        "trace": trace,
        "frobenius_norm": spectrum.frobenius_norm,
        "eigenvalue_error": spectrum.error,
        "density_floor": 0.0,
        **group_columns(setup, spectrum.eigenvalues, spectrum.error),
        "route": spectrum.plan.route,
    }


def proof_columns(
    proof: "Rank",
    spectrum: "Spectrum | SpectrumStack",
    smallest: float | Float[ndarray, " S"],
    relative_error: float | Float[ndarray, " S"],
) -> dict[str, Any]:
    """Return what is stored about the rank of a spectrum of all eigenvalues, by column.

    Args:
        proof: The rank and how it was proved.
        spectrum: The eigenvalues, of one point or of several that have this rank.
        smallest: The smallest non-zero eigenvalue.
        relative_error: A bound on its relative error.
    """
    from hessweep.rank import float64

    return {
        "lambda_min": smallest,
        "lambda_min_error": relative_error,
        "rank": proof.value,
        "rank_lower": proof.lower,
        "rank_upper": proof.upper,
        "rank_certificate": proof.certificate,
        "rank_method": proof.method,
        "rank_float64": float64.numpy_rank(spectrum),
        "gap_ratio": float64.gap_ratio(spectrum, proof.value),
    }


def rank_columns(network: "Network", spectrum: "Spectrum") -> dict[str, Any]:
    """Return everything that is stored about the rank of a point, by column."""
    from hessweep.rank import rank, smallest_eigenvalue

    proof = rank(network, spectrum)
    smallest = smallest_eigenvalue(network, spectrum, proof.value)
    # The inverse of as many independent gradients as the rank is a second proof.
    if proof.method == "theorem" and smallest.method == "ball":
        proof = replace(proof, method="theorem, ball")
    return {
        **proof_columns(proof, spectrum, smallest.value, smallest.relative_error),
        **formula_columns(network),
    }


def formula_columns(network: "Network") -> dict[str, Any]:
    """Return the columns on the rank for generic weights by formula; -1 where none is known."""
    from hessweep.rank.effective import network_formula

    return columns_of_formula(network_formula(network))


def columns_of_formula(known: "Formula") -> dict[str, Any]:
    """Return the columns of a rank by formula; -1 where none is known."""
    return {
        "effective_parameters": -1 if known.value is None else known.value,
        "effective_parameters_kind": known.kind,
    }


def eigenvalue_deviations(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Yield `eigenvalues` if any of all of them differs by more than the sum of both bounds."""
    first, second = one["eigenvalues"], other["eigenvalues"]
    allowed = one["eigenvalue_error"] + other["eigenvalue_error"]
    if first.shape != second.shape or not (np.abs(first - second) <= allowed).all():
        yield "eigenvalues"


def rank_deviations(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is proved of the rank of a point and can not be true of both.

    It is `rank` if its bounds leave no common value; `lambda_min` if the ranks are the same and
    the enclosures of the smallest non-zero eigenvalue have no common value; and
    `effective_parameters` if formulas that are exact give two values.
    """
    if not one.keys() & other.keys() >= _OF_RANKS:  # Older segments lack some of them.
        return
    if max(one["rank_lower"], other["rank_lower"]) > min(one["rank_upper"], other["rank_upper"]):
        yield "rank"
    if one["rank"] == other["rank"]:
        (low, high), (other_low, other_high) = _enclosure(one), _enclosure(other)
        if low > other_high or other_low > high:
            yield "lambda_min"
    kinds = {one["effective_parameters_kind"], other["effective_parameters_kind"]}
    if kinds == {"exact"} and one["effective_parameters"] != other["effective_parameters"]:
        yield "effective_parameters"


def _enclosure(values: Mapping[str, Any]) -> tuple[float, float]:
    """Return between which numbers the smallest non-zero eigenvalue of a point is.

    They are not numbers where a kind has no smallest eigenvalue.
    """
    value, error = float(values["lambda_min"]), float(values["lambda_min_error"])
    # |value - truth| <= error * truth
    return value / (1 + error), value / (1 - error) if error < 1 else inf


_OF_RANKS = {
    "rank", "rank_lower", "rank_upper", "lambda_min", "lambda_min_error",
    "effective_parameters", "effective_parameters_kind",
}  # fmt: skip
