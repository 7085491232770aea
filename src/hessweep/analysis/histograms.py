"""Histograms of eigenvalues, on a linear and on a logarithmic axis."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray


def histogram(values: Float[ndarray, " n"], edges: Float[ndarray, " m"]) -> pd.DataFrame:
    """Return the histogram of values as rows of `low, high, count, density`.

    The density integrates to the fraction of the values that lie between the first and the
    last edge, not to 1.
    """
    count, edges = np.histogram(values, edges)
    density = count / np.diff(edges) / len(values)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": count, "density": density})


def log_histogram(values: Float[ndarray, " n"], per_decade: int) -> pd.DataFrame:
    """Return the histogram of `log10(values)`: `low, high, count, density` per decade.

    Edges are the powers `10^(k / per_decade)`, so that histograms of different samples share
    them; `low` and `high` are values, not logarithms. The density integrates over `log10` to the
    fraction of the values that are positive.
    """
    positive = np.log10(values[values > 0])
    first = np.floor(positive.min() * per_decade)
    last = np.floor(positive.max() * per_decade) + 1
    table = histogram(positive, np.arange(first, last + 1) / per_decade)
    return table.assign(
        low=10 ** table["low"],
        high=10 ** table["high"],
        density=table["density"] * len(positive) / len(values),
    )
