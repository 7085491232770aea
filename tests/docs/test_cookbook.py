"""Every answer of the cookbook, against numbers that do not come from the store."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pages import DOCS, follow, printed
from PIL import Image

import hessweep
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher
from hessweep.spectrum import spectrum

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    return tmp_path_factory.mktemp("cookbook")


@pytest.fixture(scope="module")
def answers(kitchen):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(kitchen)
        return follow("cookbook.md")


def test_outputs_are_those_that_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = printed("cookbook.md")
    assert sum(bool(out) for out, _ in pairs) >= 7
    for out, says in pairs:
        words = [re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip() for text in (out, says)]
        assert words[0] == words[1]
        if "rank_float64" in out:
            continue  # what rounding errors make of a rank is another number on another machine
        numbers = [[float(x) for x in NUMBER.findall(text)] for text in (out, says)]
        # Rounding errors differ from machine to machine, and with them tiny eigenvalues.
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-12)
    for name in ("density", "ranks"):
        with (
            Image.open(tmp_path / f"{name}.png") as made,
            Image.open(DOCS / "images" / f"cookbook-{name}.png") as shown,
        ):
            assert made.size == shown.size


def eigenvalues(activation, N_i, N_h, seed):
    return np.linalg.eigvalsh(hessian(sample_teacher(activation, N_i, N_h, seed)))


def test_lambda_min_against_size(answers):
    fall = answers["fall"]
    assert list(fall.index) == [1, 2, 4]
    smallest = [eigenvalues("erf", 1, 2, seed)[0] for seed in range(4)]
    assert fall.loc[1, "min"] == pytest.approx(min(smallest), rel=1e-6)
    assert fall.loc[1, "median"] == pytest.approx(np.median(smallest), rel=1e-6)


def test_where_rank_and_formula_differ(answers):
    everything = hessweep.table(answers["results"])
    exact = everything[everything["effective_parameters_kind"] == "exact"]
    assert len(exact) > 100
    assert len(answers["differing"]) == (exact["rank"] != exact["effective_parameters"]).sum()


def test_where_float64_is_wrong(answers):
    wrong = answers["wrong"]
    assert len(wrong) > 0
    assert (wrong["rank_float64"] < wrong["rank"]).all()
    narrow = wrong[(wrong["activation"] == "erf") & (wrong["N_i"] == 1) & (wrong["N_h"] == 8)]
    assert set(narrow["rank"]) == {16}
    assert np.linalg.matrix_rank(hessian(sample_teacher("erf", 1, 8, 0))) < 16


def test_standard_errors(answers):
    largest = [eigenvalues("erf", 4, 8, seed)[-1] for seed in range(4)]
    row = answers["means"].loc["erf"]
    assert row["error"] == pytest.approx(np.std(largest, ddof=1) / 2 / np.mean(largest))
    assert answers["means"].loc["linear", "count"] == 200


def test_pooled_density(answers):
    # Eq. (14): rank 4 + 10 for N_h >= N_i = 4, of 20 and 40 parameters.
    assert answers["values"].size == 2 * 4 * 14
    assert (answers["values"] > 0).all()
    width = np.diff(answers["edges"])
    assert (answers["density"] * width).sum() == pytest.approx(1)
    assert 10 ** answers["edges"][-1] == pytest.approx(
        max(eigenvalues("quadratic", 4, N_h, seed)[-1] for N_h in (4, 8) for seed in range(4))
    )


def test_distance_to_the_laws(answers):
    assert answers["sample"].size == 200 * 4
    # 200 teachers of 4 eigenvalues that repel: the distance expected from sampling is below 0.05.
    assert answers["distances"]["this size"] < 0.05
    assert answers["distances"]["this size"] < answers["distances"]["large N"]


def test_activations_on_the_same_teachers(answers):
    compared = answers["compared"]
    assert len(compared) == 4 * 4 + 196
    row = compared.loc[(4, 2, 3, "normal")]
    for activation in ("linear", "quadratic", "erf"):
        assert row[activation] == pytest.approx(eigenvalues(activation, 4, 2, 3)[-1], rel=1e-9)


def test_scatter_over_teachers(answers):
    rows = np.array([eigenvalues("erf", 4, 4, seed) for seed in range(4)])
    expected = rows.std(axis=0) / rows.mean(axis=0)
    assert answers["scatter"].values[-4:] == pytest.approx(expected[-4:], rel=1e-6)


def test_late_times(answers):
    H = hessian(sample_teacher("linear", 4, 8, 0))
    assert answers["losses"][0] == pytest.approx(0.1**2 / 2 * np.trace(H))
    fall = -np.diff(np.log(answers["losses"]))[-1] / (answers["t"][1] - answers["t"][0])
    assert fall == pytest.approx(1 / answers["slowest"].values[0], rel=0.01)


def test_exports(answers, kitchen):
    points = hessweep.table(answers["results"])
    pd.testing.assert_frame_equal(pd.read_parquet(kitchen / "points.parquet"), points)
    assert len(pd.read_csv(kitchen / "erf.csv")) == (points["activation"] == "erf").sum()
    again = xr.open_dataset(kitchen / "erf.nc", engine="scipy")
    assert np.array_equal(again["eigenvalues"], answers["erf"]["eigenvalues"])


def test_plain_reading(answers):
    # The last point of the group: N_i and N_h largest, the last seed.
    assert np.array_equal(answers["last"], spectrum(sample_teacher("erf", 4, 8, 3)))


def test_trust_and_cost(answers):
    worst = answers["by_method"][answers["columns"]].max()
    assert (worst["eigenvalue_error"] < 1e-10).all()
    assert answers["failed"].empty
    assert list(answers["undecided"].columns) == ["key", "rank_lower", "rank_upper"]
