"""Columns that several kinds of measurement share."""

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
    Column("route", "str", "how the eigenvalues were computed"),
    Column("spectrum_time", "float64", "wall time of the eigenvalues", "s"),
    Column("rank_time", "float64", "wall time of the rank and its certificate", "s"),
)
"""The scalars of a Hessian at the optimum, in the order in which tables show them."""
