"""Progress and failures against what was put into the store."""

import pandas as pd
import pytest

from hessweep.report.progress import failures, progress, range_in_words, requested_keys
from hessweep.store import open_results, table


@pytest.fixture(scope="module")
def points(root):
    return table(open_results(root))


@pytest.fixture(scope="module")
def keys(study, root):
    return requested_keys(study, open_results(root))


def test_progress_counts_each_sweep(study, keys, points):
    rows = progress(study, keys, points).set_index("sweep")
    assert rows["requested"].to_dict() == {"grid": 36, "law": 240, "curved": 24}
    assert rows["failed"].to_dict() == {"grid": 2, "law": 0, "curved": 0}
    assert rows["missing"].to_dict() == {"grid": 0, "law": 0, "curved": 1}
    assert (rows["done"] + rows["failed"] + rows["missing"] == rows["requested"]).all()


def test_progress_says_what_was_asked(study, keys, points):
    rows = progress(study, keys, points).set_index("sweep")
    assert rows.loc["grid", "sizes"] == "N_i = 1 to 3; N_h = 1 to 4"
    assert rows.loc["law", "sizes"] == "(3, 6), (6, 3)"
    assert rows.loc["law", "weights"] == "normal, laplace"
    assert rows.loc["curved", "activation"] == "erf, quadratic(epsilon=0.5)"
    assert rows.loc["curved", "seeds"] == "7 to 8" or rows.loc["curved", "seeds"] == "7, 8"


def test_failures_name_the_point_and_its_sweep(study, keys, points):
    table = failures(keys, points)
    assert list(table["sweeps"]) == ["grid", "grid"]
    assert set(table["key"]) == {point.key for point in study.points()[:2]}
    assert table["error"].str.startswith("ArithmeticError").all()


def test_points_that_the_study_does_not_ask_for_do_not_count(study, keys, points):
    strangers = points.assign(key="another", status="failed")
    assert progress(study, keys, strangers)["missing"].sum() == 300
    assert failures(keys, strangers).empty
    both = pd.concat([points, strangers])
    assert progress(study, keys, both).equals(progress(study, keys, points))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (range(20), "0 to 19"),
        ((5, 10, 20), "5, 10, 20"),
        ((4,), "4"),
        ((1, 2), "1, 2"),
        (tuple(range(0, 40, 2)), "0, 2, 4, 6, 8, 10, 12, 14, … 38 (20 in all)"),
    ],
)
def test_numbers_in_words(numbers, words):
    assert range_in_words(numbers) == words
