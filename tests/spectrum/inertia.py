"""Counting eigenvalues of a matrix in ball arithmetic."""

from flint import arb


def eigenvalues_below(H: list[list[arb]], shift: arb) -> int:
    """Return how many eigenvalues lie below the shift: negative pivots of LDL^T (Sylvester)."""
    A = [[value - shift if i == j else value for j, value in enumerate(row)]
         for i, row in enumerate(H)]  # fmt: skip
    negative = 0
    for i in range(len(A)):
        pivot = A[i][i]
        assert pivot < 0 or pivot > 0, "the shift is an eigenvalue to the working precision"
        negative += pivot < 0
        for j in range(i + 1, len(A)):
            factor = A[j][i] / pivot
            for k in range(i + 1, j + 1):
                A[j][k] -= factor * A[k][i]
    return negative
