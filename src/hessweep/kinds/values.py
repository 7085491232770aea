"""Values of the columns that several kinds of measurement share."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hessweep.kinds.groups import group_columns
from hessweep.kinds.result import PointResult

if TYPE_CHECKING:
    from hessweep.rank import Rank
    from hessweep.rank.formulas import Formula
    from hessweep.setup import Setup
    from hessweep.spectrum import Spectrum


def spectrum_columns(setup: "Setup", spectrum: "Spectrum", trace: float) -> dict[str, Any]:
    """Return what is stored about a spectrum of all eigenvalues, by column.

    Args:
        setup: The point's.
        spectrum: The eigenvalues.
        trace: The trace of H, computed without them.
    """
    return {
        "P": len(spectrum.eigenvalues),
        "lambda_max": spectrum.eigenvalues[-1],
        "trace": trace,
        "frobenius_norm": spectrum.frobenius_norm,
        "eigenvalue_error": spectrum.error,
        "density_floor": 0.0,
        **group_columns(setup, spectrum.eigenvalues, spectrum.error),
        "route": spectrum.route,
    }


def proof_columns(
    proof: "Rank", spectrum: "Spectrum", smallest: float, relative_error: float
) -> dict[str, Any]:
    """Return what is stored about the rank of a spectrum of all eigenvalues, by column.

    Args:
        proof: The rank and how it was proved.
        spectrum: The eigenvalues.
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


def columns_of_formula(known: "Formula") -> dict[str, Any]:
    """Return the columns of a rank by formula; -1 where none is known."""
    return {
        "effective_parameters": -1 if known.value is None else known.value,
        "effective_parameters_kind": known.kind,
    }


def eigenvalue_deviations(result: PointResult, stored: Mapping[str, Any]) -> Iterator[str]:
    """Yield `eigenvalues` if any of all of them differs by more than the sum of both bounds."""
    found, computed = stored["eigenvalues"], result.eigenvalues
    allowed = result.scalars["eigenvalue_error"] + stored["eigenvalue_error"]
    if found.shape != computed.shape or not (np.abs(found - computed) <= allowed).all():
        yield "eigenvalues"
