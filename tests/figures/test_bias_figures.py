"""Figures and the claim on biases and several outputs, on teachers computed here."""

import numpy as np
import pytest

from hessweep import analysis, claims
from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.figures import bias_increment, bias_spectrum, linear_outputs
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher
from hessweep.running.task import compute_batch
from hessweep.setup import Setup
from hessweep.store import open_results, publish

NAMES = ("linear", "quadratic", "cubic", "erf")
SIZES = [(2, 2), (2, 5), (4, 6)]


def published(folder, setups, seeds):
    for setup in setups:
        assert compute_batch(setup.points(range(seeds)), folder)[1] == {}
    publish(folder)
    return open_results(folder)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    setups = [
        Setup(activation(name), *size, biases=biases)
        for name in NAMES
        for size in SIZES
        for biases in ("none", "output", "hidden", "both")
    ]
    return published(tmp_path_factory.mktemp("ranks"), setups, 2)


def test_increments_are_those_of_full_matrices(ranks):
    grid = bias_increment.data(ranks)["increments"]
    assert len(grid) == len(NAMES) * len(SIZES)
    assert (grid["proved"] == grid["teachers"]).all()
    for row in grid.to_dict("records"):
        size = row["N_i"], row["N_h"]
        found = []
        for seed in range(2):
            before, after = (
                np.linalg.eigvalsh(
                    hessian(sample_teacher(row["activation"], *size, seed, biases=b))
                )
                for b in ("none", "both")
            )
            found.append((after > 1e-11).sum() - (before > 1e-11).sum())
        # Float64 misses small eigenvalues of erf.
        if row["activation"] != "erf":
            assert (row["low"], row["high"]) == (min(found), max(found))
        assert row["added"] == row["N_h"] + 1


def test_known_increments(ranks):
    """Cubic at (4, 6): from 30 to 34, and not to 35, as the obvious formula says."""
    grid = bias_increment.data(ranks)["increments"].set_index(["activation", "N_i", "N_h"])
    for name in ("linear", "quadratic"):
        assert (grid.loc[name][["low", "high"]] == 1).all(axis=None)
    assert grid.loc[("cubic", 4, 6), "high"] == 4
    assert grid.loc[("cubic", 2, 5), "high"] == 1
    assert grid.loc[("erf", 4, 6), "high"] == 7


def test_cells_say_the_increment_and_are_grey_for_one(ranks):
    tables = bias_increment.data(ranks, activation=["cubic", "linear"])
    figure = bias_increment.plot(tables)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("cubic", "linear")
    texts = {text.get_position(): text.get_text() for text in first.texts}
    assert texts[(1, 2)] == "+4"
    colours = first.images[0].get_array()
    assert colours[1, 0].tolist() == second.images[0].get_array()[0, 0].tolist()
    assert colours[2, 1].tolist() != colours[1, 0].tolist()
    caption = bias_increment.caption(tables)
    assert "every size for linear" in caption
    assert "cubic at 1 of 3" in caption


def test_an_output_bias_adds_one(ranks):
    grid = bias_increment.data(ranks, biases="output")["increments"]
    assert (grid[["low", "high"]] == 1).all(axis=None)
    assert "an output bias raises" in bias_increment.caption({"increments": grid})


def test_claim_says_where_biases_add_one(ranks):
    claim = claims.claims_table(ranks, claims.BEYOND).to_dict("records")[0]
    assert claim["source"] == "sec. 6"
    assert claim["verdict"] == "holds with correction"
    assert claim["points"] == 3 * 2 * len(NAMES) * len(SIZES)
    assert "quadratic (both)" in claim["measured"].split(";")[0]
    assert "cubic (both) +1 for 2 of 6 teachers, +1 to 4 in all" in claim["measured"]


@pytest.mark.parametrize("column", ["rank", "rank_certificate"])
def test_claim_fails_on_a_wrong_rank(ranks, column):
    spoiled = ranks.copy()
    dataset = spoiled["cubic"].to_dataset()
    values = dataset[column].values.copy()
    place = np.flatnonzero(dataset["biases"].values == "both")[0]
    values[place] = "undecided" if column == "rank_certificate" else values[place] + 1
    spoiled["cubic"] = dataset.assign({column: dataset[column].copy(data=values)})
    assert claims.claims_table(spoiled, claims.BEYOND)["verdict"].tolist() == ["fails"]


@pytest.mark.parametrize(
    ("kind", "above", "verdict"),
    [
        ("upper bound", 0, "holds with correction"),
        ("upper bound", 1, "holds with correction"),
        ("upper bound", -1, "fails"),
        ("exact", 1, "fails"),
    ],
)
def test_an_upper_bound_may_be_above_a_rank_and_never_below(
    ranks, monkeypatch, kind, above, verdict
):
    increments = analysis.increments

    def with_one_bound(*given):
        found = increments(*given).copy()
        row = found.index[-1]
        found.loc[row, "kind"] = kind
        found.loc[row, "formula"] = found.loc[row, "rank"] + above
        return found

    monkeypatch.setattr(analysis, "increments", with_one_bound)
    assert claims.claims_table(ranks, claims.BEYOND)["verdict"].tolist() == [verdict]


def test_results_without_biases_are_refused(tmp_path):
    results = published(tmp_path, [Setup(activation("cubic"), 2, 2)], 1)
    for make in (bias_increment.data, bias_spectrum.data, linear_outputs.data):
        with pytest.raises(InputError, match="expected"):
            make(results)
    with pytest.raises(InputError, match="both, hidden, output"):
        bias_increment.data(results, biases="none")


def test_erf_has_one_more_large_eigenvalue(tmp_path):
    setups = [Setup(activation("erf"), 8, 8, biases=biases) for biases in ("none", "both")]
    tables = bias_spectrum.data(published(tmp_path, setups, 4))
    counts = tables["agreement"].set_index("biases")
    assert counts["usual"].to_dict() == {"none": 8, "both": 9}
    assert (counts["exact"] == 4).all()
    line = tables["sorted"].query("biases == 'both' and k == 9")["mean"].item()
    expected = [
        np.log(np.linalg.eigvalsh(hessian(sample_teacher("erf", 8, 8, seed, biases="both")))[-9])
        for seed in range(4)
    ]
    assert np.log(line) == pytest.approx(np.mean(expected), abs=1e-9)
    figure = bias_spectrum.plot(tables)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["without biases: 8 large", "with both biases: 9 large"]
    assert "8 without (4 of 4 teachers) and 9 with biases" in bias_spectrum.caption(tables)


def test_linear_networks_follow_their_law(tmp_path):
    setups = [
        Setup(activation("linear"), 3, 4, N_o=2),
        Setup(activation("linear"), 3, 2, biases="hidden"),
        Setup(activation("linear"), 3, 2, biases="both"),
        Setup(activation("linear"), 3, 2),
    ]
    tables = linear_outputs.data(published(tmp_path, setups, 300))
    distances = tables["distances"]
    assert distances[["N_h", "N_o", "biases"]].to_numpy().tolist() == [
        [2, 1, "hidden"],
        [4, 2, "none"],
    ]
    assert distances["eigenvalues"].tolist() == [300 * 4, 300 * 6]
    assert (distances["distance"] < 0.09).all()
    assert len(linear_outputs.plot(tables).axes) == 2
    assert "at most" in linear_outputs.caption(tables)
