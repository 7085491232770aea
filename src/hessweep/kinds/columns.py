"""Columns that several kinds of measurement share."""

from math import nan

from hessweep.columns import Column, Ragged

SPECTRUM = Ragged(
    "eigenvalue",
    Column("row_size", "int64", "number of stored eigenvalues of the point"),
    (Column("eigenvalues", "float64", "eigenvalues of H, ascending, point after point"),),
)

SCALARS: tuple[Column, ...] = (
    Column("P", "int64", "number of parameters"),
    Column("lambda_max", "float64", "largest eigenvalue"),
    Column("lambda_min", "float64", "smallest non-zero eigenvalue"),
    Column("lambda_min_error", "float64", "relative error of lambda_min"),
    Column("trace", "float64", "trace of H, computed without the eigenvalues"),
    Column("frobenius_norm", "float64", "Frobenius norm of H: root of the sum of λ²"),
    Column("eigenvalue_error", "float64", "bound on the absolute error of each eigenvalue"),
    Column("density_floor", "float64", "eigenvalues that the density tells from 0 are above this"),
    Column("rank", "int64", "rank of H: number of effective parameters"),
    Column("rank_lower", "int64", "proved lower bound on the rank"),
    Column("rank_upper", "int64", "proved upper bound on the rank"),
    Column("rank_certificate", "str", "proved (lower = upper) or undecided"),
    Column("rank_method", "str", "how the rank was proved"),
    Column("rank_float64", "int64", "rank by numpy.linalg.matrix_rank's rule"),
    Column("gap_ratio", "float64", "smallest eigenvalue counted by rank over the largest not"),
    Column("effective_parameters", "int64", "rank by formula for generic weights, -1: none known"),
    Column("effective_parameters_kind", "str", "exact, upper bound or none"),
    Column("outliers_by_law", "int64", "outliers by the law (docs/laws.md), -1: none", missing=-1),
    Column("order_one_by_law", "int64", "eigenvalues of order one by the law", missing=-1),
    Column("special_by_law", "int64", "eigenvalues of special directions by the law", missing=-1),
    Column("bulk_by_law", "int64", "eigenvalues of the bulk by the law", missing=-1),
    Column("zeros_by_law", "int64", "zeros beside those of the bulk by the law", missing=-1),
    Column("outlier_ratio", "float64", "measured: largest eigenvalue over second", missing=nan),
    Column("large", "int64", "measured: eigenvalues above the largest gap of log λ", missing=-1),
    Column(
        "large_ratio",
        "float64",
        "measured: eigenvalue above that gap over the one below",
        missing=nan,
    ),
    Column("route", "str", "how the eigenvalues were computed"),
    Column("spectrum_time", "float64", "wall time of the eigenvalues", "s"),
    Column("rank_time", "float64", "wall time of the rank and its certificate", "s"),
)
"""The scalars of a Hessian at the optimum, in the order in which tables show them."""
