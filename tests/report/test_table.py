"""What a cell says."""

import pandas as pd
import pytest

from hessweep.report.table import NONE, number, tabulate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.123456, "0.1235"),
        (12345.6, "12\u202f346"),
        (1.5e-10, "1.500·10⁻¹⁰"),
        (-2.5e7, "-2.500·10⁷"),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_cells_of_each_type():
    frame = pd.DataFrame(
        {
            "N_i": [1200, 3],
            "lambda_min": [float("nan"), 0.5],
            "holds": [True, False],
            "rank_method": ["float64", None],
        }
    )
    table = tabulate(frame, headings={"holds": "Holds?"})
    assert table.headings == ["N_i", "lambda_min", "Holds?", "rank method"]
    assert table.numeric[:2] == [True, True]
    assert table.numeric[3] is False
    assert table.rows[0] == (("1\u202f200", "1200"), NONE, ("yes", "1"), ("float64", "float64"))
    assert table.rows[1][1:] == (("0.5", "0.5"), ("no", "0"), NONE)


def test_an_empty_frame_has_headings_and_no_rows():
    table = tabulate(pd.DataFrame({"key": []}))
    assert table.headings == ["key"]
    assert table.rows == []
