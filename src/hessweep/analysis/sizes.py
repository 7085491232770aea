"""Which sizes a figure of several sizes shows, where the results hold more than it can."""

import numpy as np
import pandas as pd

from hessweep.setup import KIND

MOST = 6
"""Number of sizes that a figure shows at most."""


def select_sizes(points: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """Return the realisations of a few sizes of square networks, with many teachers each.

    Sizes with fewer than half as many teachers as the best sampled size of the same kind are left
    out: densities of large networks are few. If more than `most` remain, those are kept whose
    logarithms are spread most evenly, among them the smallest and the largest.

    Args:
        points: Realisations of one activation with `N_i = N_h`, one row each.
        most: Number of sizes to keep at most; 2 or more.
    """
    teachers = points.groupby([KIND, "N_h"]).size()
    enough = teachers >= teachers.groupby(level=KIND).transform("max") / 2
    sizes = np.unique(teachers.index.get_level_values("N_h")[enough])
    if len(sizes) > most:
        wanted = np.linspace(np.log(sizes[0]), np.log(sizes[-1]), most)
        sizes = np.unique(sizes[np.abs(np.log(sizes) - wanted[:, None]).argmin(axis=1)])
    return points[points["N_h"].isin(sizes)].reset_index(drop=True)
