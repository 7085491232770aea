"""The summary at the top of the page, and the verdicts in the table of claims."""

import pandas as pd
import pytest

from hessweep import report
from hessweep.report.tiles import tiles
from hessweep.store import open_results, table
from hessweep.tables import rank_table

COUNTS = {"requested": 1200, "done": 1200, "failed": 0, "missing": 0}


def ranks(proved=(3, 3), float64=(0, 2)):
    return pd.DataFrame({"teachers": [3, 3], "proved": proved, "float64_differs": float64})


def test_tiles_of_a_complete_study():
    verdicts = ["holds", "holds with correction", "holds"]
    points, proved, float64, claims = tiles(COUNTS, ranks(), pd.DataFrame({"verdict": verdicts}))
    assert (points.number, points.note, points.state) == (
        "1\u202f200",
        "all of 1\u202f200",
        "good",
    )
    assert (proved.number, proved.note) == ("100\u202f%", "6 of 6 teachers")
    assert (float64.number, float64.note, float64.state) == ("2", "at 1 of 2 sizes", "bad")
    assert (claims.number, claims.note) == ("3 of 3", "1 with a correction, 0 fail")
    assert claims.state == "good"


def test_tiles_tell_what_is_not_well():
    counts = {"requested": 12, "done": 9, "failed": 1, "missing": 2}
    claims = pd.DataFrame({"verdict": ["holds", "fails"]})
    points, proved, _, verdicts = tiles(counts, ranks(proved=(3, 2)), claims)
    assert (points.number, points.note, points.state) == ("9", "1 failed, 2 missing", "bad")
    assert (proved.number, proved.state) == ("83.3\u202f%", "neutral")
    assert (verdicts.number, verdicts.state) == ("1 of 2", "bad")
    assert verdicts.note == "0 with a correction, 1 fails"


def test_nearly_all_is_not_all():
    many = pd.DataFrame({"teachers": [100_000], "proved": [99_999], "float64_differs": [0]})
    assert tiles(COUNTS, many, None)[1].number == "99.9\u202f%"


@pytest.mark.parametrize("claims", [None, pd.DataFrame({"claim": ["rank"], "holds": [True]})])
def test_without_verdicts_there_is_no_tile_of_claims(claims):
    assert len(tiles(COUNTS, ranks(), claims)) == 3


def test_the_page_counts_what_the_store_holds(study, root, html):
    points = table(open_results(root))
    exact = points[points["status"] == "done"]
    wrong = int((exact["rank_float64"] != exact["rank"]).sum())
    assert wrong > 0
    assert f"<strong>{wrong}</strong>" in html
    assert rank_table(points)["float64_differs"].sum() == wrong


def test_verdicts_are_second_and_have_a_class(study, root):
    claims = pd.DataFrame(
        {"source": ["eq. (1)", "eq. (2)"], "claim": ["a", "b"], "verdict": ["fails", "unsure"]}
    )
    page = report.build(study, root, claims).read_text()
    body = page.split('id="claims-table"')[1].split("</table>")[0]
    names = [part.split('"')[0] for part in body.split('data-name="')[1:]]
    assert names == ["source", "verdict", "claim"]
    assert '<span class="fails">fails</span>' in body
    assert '<span class="">unsure</span>' in body


def test_the_study_is_expanded_once(study, root, monkeypatch):
    calls = []
    sweep = type(next(iter(study.sweeps.values())))
    expand = sweep.points
    monkeypatch.setattr(sweep, "points", lambda self: calls.append(self) or expand(self))
    report.build(study, root)
    assert len(calls) == len(study.sweeps)
