"""Tables against counts made by hand from the same points."""

import re

import numpy as np
import pandas as pd
import pytest

from hessweep import claims
from hessweep.activations import activation
from hessweep.errors import StudyError
from hessweep.setup import Setup
from hessweep.tables import (
    TABLES,
    make,
    methods_table,
    rank_summary,
    rank_table,
    table_kind,
    to_markdown,
    unvaried_axes,
)


@pytest.fixture(scope="module")
def points():
    asked = [
        Setup(activation(name), N_i, N_h).point(seed)
        for name, N_i, N_h in (("linear", 3, 2), ("quadratic", 3, 4), ("erf", 1, 12))
        for seed in range(3)
    ]
    rows = [
        {
            "key": point.key,
            "activation": point.setup.activation.label,
            "seed": point.seed,
            **point.setup.columns,
            "status": "done",
            **point.compute().scalars,
        }
        for point in asked
    ]
    failed = {**rows[0], "key": "x", "seed": 99, "status": "failed", "rank": 0}
    return pd.DataFrame([*rows, failed])


def test_rank_table_counts_teachers_and_disagreements(points):
    points = points.copy()
    erf = points["activation"] == "erf"
    wrong = points.index[points["activation"] == "quadratic"][0]
    points.loc[wrong, "rank"] -= 1
    table = rank_table(points).set_index("activation")
    assert table["teachers"].to_dict() == {"linear": 3, "quadratic": 3, "erf": 3}
    assert table.loc["quadratic", "formula"] == 3 + 3 * 4 // 2
    assert table.loc["quadratic", "rank_differs"] == 1
    assert table.loc["quadratic", "rank_min"] == table.loc["quadratic", "rank_max"] - 1
    # float64 can not see the full rank of erf at one input and twelve neurons.
    assert table.loc["erf", "float64_differs"] == 3
    assert table.loc["erf", "float64_max"] == points.loc[erf, "rank_float64"].max() < 24


def test_only_what_can_be_compared_can_differ(points):
    """Ranks below an upper bound do not differ from it; densities have no rank in float64."""
    bounded, sparse = points.copy(), points.copy()
    bounded["effective_parameters"] += 1
    assert (rank_table(bounded)["rank_differs"] == 3).all()
    bounded["effective_parameters_kind"] = "upper bound"
    assert (rank_table(bounded)["rank_differs"] == 0).all()
    erf = sparse["activation"] == "erf"
    sparse.loc[erf & (sparse["seed"] < 2), "rank_float64"] = -1
    table = rank_table(sparse).set_index("activation")
    assert table.loc["erf", "float64_differs"] == 1
    assert table.loc["erf", "float64_min"] == sparse.loc[erf, "rank_float64"].max()
    sparse.loc[erf, "rank_float64"] = -1
    table = rank_table(sparse).set_index("activation")
    assert table.loc["erf", ["float64_differs", "float64_min", "float64_max"]].tolist() == [
        0,
        -1,
        -1,
    ]


def test_summary_adds_up_the_rank_table(points):
    table, summary = rank_table(points), rank_summary(points)
    assert summary["teachers"].sum() == table["teachers"].sum() == 9
    assert (summary["undecided"] + summary["proved"] == summary["teachers"]).all()


def test_methods_table_holds_every_done_point(points):
    table = methods_table(points)
    assert table["points"].sum() == 9
    assert np.isclose(
        table["spectrum_seconds"].sum(), points.query("status == 'done'")["spectrum_time"].sum()
    )


def cells(line):
    """The cells of a row, as a reader of GitHub's Markdown splits it: at pipes not escaped."""
    return [
        re.sub(r"\\([|\\])", r"\1", cell).strip()
        for cell in re.findall(
            r"(?:\\.|[^|\\])+", line.strip().removeprefix("|").removesuffix("|")
        )
    ]


@pytest.mark.parametrize("text", ["|W2|²", "a\\b", "ends with \\", "\\|", "two\nlines", "a || b"])
def test_markdown_keeps_any_text_in_its_cell(text):
    table = pd.DataFrame({"claim": [text, "other"], "|x|": [text, "1"], "verdict": ["holds"] * 2})
    head, _, row, other = (cells(line) for line in to_markdown(table).splitlines())
    assert head == ["claim", "|x|", "verdict"]
    assert row == [text.replace("\n", " "), text.replace("\n", " "), "holds"]
    assert other == ["other", "1", "holds"]


def test_markdown_shows_the_title_of_a_table(points):
    table = rank_summary(points)
    assert to_markdown(table, "Ranks") == f"# Ranks\n\n{to_markdown(table)}"
    assert "#" not in to_markdown(table)


def test_markdown_has_a_row_for_each_row(points):
    table = rank_table(points)
    lines = to_markdown(table).splitlines()
    assert len(lines) == len(table) + 2
    assert all(line.count("|") == len(table.columns) + 1 for line in lines)


def test_each_kind_of_table_is_what_its_name_says(monkeypatch):
    """A study names the kind; the maker of another one would go unnoticed."""
    results, points = object(), pd.DataFrame({"a": [1]})
    monkeypatch.setattr("hessweep.store.table", lambda given: points if given is results else None)
    makers = {
        "rank-summary": ("hessweep.tables.rank_summary", points),
        "methods": ("hessweep.tables.methods_table", points),
        "depth-ranks": ("hessweep.analysis.depth.depth_ranks", results),
        "depth-spectra": ("hessweep.analysis.depth.depth_spectra", results),
        "students": ("hessweep.analysis.student_table", results),
        "endings": ("hessweep.analysis.endings_table", results),
    }
    for kind, (maker, given) in makers.items():
        monkeypatch.setattr(maker, lambda it, kind=kind: (kind, it))
        assert make(kind, results) == (kind, given)
    asked = []
    monkeypatch.setattr(
        claims, "claims_table", lambda it, which=claims.CLAIMS: asked.append((it, which))
    )
    for kind in ("claims", "claims-beyond", "claims-students"):
        make(kind, results)
    assert asked == [(results, which) for which in (claims.CLAIMS, claims.BEYOND, claims.STUDENTS)]
    assert set(TABLES) == {*makers, "ranks", "claims", "claims-beyond", "claims-students"}


def test_the_table_of_ranks_leaves_out_axes_that_are_not_varied(points, monkeypatch):
    monkeypatch.setattr("hessweep.store.table", lambda _: points)
    whole, shown = rank_table(points), make("ranks", None)
    assert list(shown) == [name for name in whole if name not in unvaried_axes(whole)]
    assert {"N_i", "N_h", "weights"} <= set(shown)
    assert "biases" not in shown
    # What was measured of a teacher is always told.
    assert {"spectrum", "training", "asked_error"} <= set(points) - set(unvaried_axes(points))
    pd.testing.assert_frame_equal(shown, whole[list(shown)])
    varied = points.assign(biases=["both"] + ["none"] * (len(points) - 1))
    monkeypatch.setattr("hessweep.store.table", lambda _: varied)
    assert "biases" in make("ranks", None)


def test_tables_take_no_options():
    with pytest.raises(StudyError, match="ranks takes no options, got digits"):
        table_kind("ranks", {"digits": 3})
    with pytest.raises(StudyError, match=r"unknown kind of table 'rank' \(did you mean 'ranks'"):
        table_kind("rank")
