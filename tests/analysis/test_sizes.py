"""Which sizes a figure shows."""

import numpy as np
import pandas as pd

from hessweep.analysis.sizes import select_sizes


def test_few_sizes_with_many_teachers_are_shown():
    counts = {2: 15, 3: 5, 4: 20, 5: 30, 6: 30, 7: 30, 8: 30, 9: 29, 10: 30, 20: 40, 40: 30}
    points = pd.DataFrame({"N_h": np.repeat(list(counts), list(counts.values()))})
    points["spectrum"] = "exact"
    assert select_sizes(points, most=9)["N_h"].unique().tolist() == [4, 5, 6, 7, 8, 9, 10, 20, 40]
    few = select_sizes(points, most=4)
    assert few.groupby("N_h").size().to_dict() == {4: 20, 9: 29, 20: 40, 40: 30}
    large = pd.DataFrame({"N_h": [40, 100, 100, 1000, 1000], "spectrum": "density"})
    both = select_sizes(pd.concat([points, large]), most=4)
    assert both.groupby("N_h").size().to_dict() == {4: 20, 20: 40, 100: 2, 1000: 2}
