"""Laws of the linear network's eigenvalues, asymptotic and exact (MATH 5; docs/laws.md)."""

from hessweep.laws.law import Law, ks_distance, law_distance
from hessweep.laws.linear import (
    block_A_law,
    block_B_law,
    chi_square_law,
    hessian_law,
    marchenko_pastur,
)
from hessweep.laws.smallest import smallest_eigenvalue_law
from hessweep.laws.wishart import wishart_density

__all__ = [
    "Law",
    "block_A_law",
    "block_B_law",
    "chi_square_law",
    "hessian_law",
    "ks_distance",
    "law_distance",
    "marchenko_pastur",
    "smallest_eigenvalue_law",
    "wishart_density",
]
