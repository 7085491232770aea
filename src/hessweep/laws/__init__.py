"""Laws of the eigenvalues of linear and non-linear networks (docs/laws.md)."""

from hessweep.laws.bulk import bulk_law
from hessweep.laws.coefficients import Coefficients, coefficients
from hessweep.laws.groups import groups
from hessweep.laws.law import Law, ks_distance, law_distance
from hessweep.laws.linear import (
    block_A_law,
    block_B_law,
    chi_square_law,
    hessian_law,
    marchenko_pastur,
)
from hessweep.laws.mixture import SpectrumLaw, spectrum_distance, spectrum_law
from hessweep.laws.order_one import order_one_eigenvalues, order_one_law
from hessweep.laws.outlier import outlier_mean, outlier_std
from hessweep.laws.smallest import smallest_eigenvalue_law
from hessweep.laws.wishart import wishart_density

__all__ = [
    "Coefficients",
    "Law",
    "SpectrumLaw",
    "block_A_law",
    "block_B_law",
    "bulk_law",
    "chi_square_law",
    "coefficients",
    "groups",
    "hessian_law",
    "ks_distance",
    "law_distance",
    "marchenko_pastur",
    "order_one_eigenvalues",
    "order_one_law",
    "outlier_mean",
    "outlier_std",
    "smallest_eigenvalue_law",
    "spectrum_distance",
    "spectrum_law",
    "wishart_density",
]
