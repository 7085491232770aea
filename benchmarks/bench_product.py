"""How near is a matrix-free product to the machine's GEMM rate?"""

from collections.abc import Iterator

import numpy as np
from measure import Row, peak_megabytes, turns

from hessweep.hessian import hessian_operator
from hessweep.networks import sample_teacher


def multiply(N: int, dtype: str) -> None:
    """Do one product; for its memory."""
    operator = hessian_operator(sample_teacher("erf", N, N, seed=0), np.dtype(dtype))
    operator @ np.ones(operator.shape[0], operator.dtype)


def rows(quick: bool) -> Iterator[Row]:
    """Yield seconds beside those that the same flops take in plain GEMMs of that size."""
    for N in (100, 300) if quick else (300, 1000):
        for dtype in ("float64", "float32"):
            rng = np.random.default_rng(0)
            operator = hessian_operator(sample_teacher("erf", N, N, seed=0), np.dtype(dtype))
            v = rng.standard_normal(operator.shape[0]).astype(dtype)
            A, B, out = (rng.standard_normal((N, N)).astype(dtype) for _ in range(3))
            y = np.empty_like(v)
            taken = turns(
                {
                    "product": lambda o=operator, v=v, y=y: o.product(v, y),
                    "gemm": lambda A=A, B=B, out=out: np.matmul(A, B, out=out),
                },
                repeats=30,
            )
            gemms = operator.flops / (2 * N**3)
            yield Row(
                f"N_i = N_h = {N}, P = {operator.shape[0]}, {dtype}",
                taken["product"],
                f"its {operator.flops / 1e9:.2f} GFlop at the GEMM rate",
                gemms * taken["gemm"],
                required=1 / 1.3 if N == 1000 else None,
                megabytes=peak_megabytes(multiply, N, dtype),
                notes={
                    "GFlop/s": operator.flops / taken["product"] / 1e9,
                    "GEMM GFlop/s": 2 * N**3 / taken["gemm"] / 1e9,
                },
            )
