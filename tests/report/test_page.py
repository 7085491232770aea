"""The page as text: nothing outside it is needed, nothing but its own scripts can run."""

import base64
import gzip
import hashlib
import io
import itertools
import json
import re
from html.parser import HTMLParser
from importlib import resources

import pytest
from PIL import Image, ImageChops

from hessweep import report
from hessweep.errors import QueryError
from hessweep.kinds import PointResult
from hessweep.report.page import SCRIPTS, symbols
from hessweep.store import open_results, publish, table, write_segment
from hessweep.study import TableRequest, parse_study
from hessweep.tables import rank_table


class Outline(HTMLParser):
    """Elements of a page with their attributes, and the text of scripts, styles and captions."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self._open.append((tag, len(self.elements) - 1))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.texts[self._open[-1][1]] += data

    def all(self, tag):
        found = zip(self.elements, self.texts, strict=True)
        return [(attrs, text) for (name, attrs), text in found if name == tag]


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


def test_nothing_outside_the_page_is_named(outline):
    addresses = [
        attrs[name]
        for _, attrs in outline.elements
        for name in ("src", "href", "action", "poster", "srcset", "data")
        if name in attrs
    ]
    assert len(addresses) > 20
    assert [a for a in addresses if not a.startswith(("#", "data:"))] == []
    assert "url(" not in outline.all("style")[0][1]
    assert "@import" not in outline.all("style")[0][1]


def test_policy_names_each_script_and_forbids_the_rest(outline):
    (policy,) = (a["content"] for a, _ in outline.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy
    assert "connect-src" not in policy
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    running = [text for attrs, text in outline.all("script") if "type" not in attrs]
    packed = next(text for attrs, text in outline.all("script") if attrs.get("id") == "plotly")
    plotly = gzip.decompress(base64.b64decode(packed))
    assert plotly == resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    wanted = [*(text.encode() for text in running), plotly]
    assert [base64.b64encode(hashlib.sha256(s).digest()).decode() for s in wanted] == allowed


def test_what_results_say_is_escaped(html, outline):
    assert "<img src=x" not in html
    # The results, the plotting library, and the scripts of the page.
    assert len(outline.all("script")) == 2 + len(SCRIPTS)
    names = {name for _, attrs in outline.elements for name in attrs}
    assert not [name for name in names if name.startswith("on")]
    data = data_of(html)
    assert len(data["ensembles"]) == 12 + 4 + 12
    (picture,) = outline.all("img")
    assert picture[0]["alt"].startswith('Caption with N_h "><img')


def test_the_same_results_give_the_same_bytes(study, root, html, tmp_path):
    once = report.build(study, root).read_bytes()
    assert report.build(study, root).read_bytes() == once
    assert len(once) < 3_000_000


def test_markup_is_what_screen_readers_need(outline):
    identifiers = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    for attribute in ("aria-labelledby", "aria-describedby"):
        named = [attrs[attribute] for _, attrs in outline.elements if attribute in attrs]
        assert set(named) <= set(identifiers)
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(attrs.get("scope") == "col" for attrs, _ in outline.all("th"))
    assert all(attrs.get("alt") for attrs, _ in outline.all("img"))
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    links = {attrs["href"][1:] for attrs, _ in outline.all("a") if attrs["href"].startswith("#")}
    assert {link for link in links if not link.startswith("ensemble-")} <= set(identifiers)


def test_the_page_carries_each_pixel_and_each_number_of_a_figure(html, root):
    (picture,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', html)
    (data,) = re.findall(r'href="data:application/gzip;base64,([^"]+)"', html)
    with (
        Image.open(io.BytesIO(base64.b64decode(picture))) as seen,
        Image.open(root / "figures" / "seen.png") as made,
    ):
        assert seen.size == made.size
        assert ImageChops.difference(seen.convert("RGB"), made.convert("RGB")).getbbox() is None
    made_data = (root / "figures" / "seen.csv").read_bytes()
    assert gzip.decompress(base64.b64decode(data)) == made_data


def test_claims_are_left_out_where_there_are_none(study, root):
    html = report.build(study, root).read_text(encoding="utf-8")
    assert 'id="claims"' not in html
    assert 'href="#claims"' not in html


def data_of(html):
    (text,) = (t for a, t in Outline(html).all("script") if a.get("id") == "results")
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_points_of_other_studies_do_not_count(study, root, tmp_path):
    part = study.model_copy(update={"sweeps": {"grid": study.sweeps["grid"]}, "figures": {}})
    html = report.build(part, root).read_text(encoding="utf-8")
    sizes = {(e["N_i"], e["N_h"]) for e in data_of(html)["ensembles"]}
    assert sizes == {(i, h) for i in range(1, 4) for h in range(1, 5)}
    assert "34 of 36 points computed" in html


def test_a_study_of_failures_only_has_a_page(study, tmp_path):
    failed = [PointResult(point, error="no luck") for point in study.sweeps["grid"].points()]
    write_segment(tmp_path, failed)
    publish(tmp_path)
    html = report.build(study, tmp_path).read_text(encoding="utf-8")
    assert "36 failed" in html
    assert 'id="explorer"' not in html
    assert data_of(html)["ensembles"] == []


def test_a_study_without_points_is_refused(study, root):
    other = study.sweeps["grid"].model_copy(update={"seeds": (77,)})
    strange = study.model_copy(update={"sweeps": {"other": other}})
    with pytest.raises(QueryError, match="found none of 12"):
        report.build(strange, root)


def test_claims_come_from_the_table_that_the_study_asks_for(study, root):
    tables = {"paper": TableRequest(kind="claims")}
    asking = study.model_copy(update={"tables": tables})
    assert 'id="claims"' not in report.build(asking, root).read_text(encoding="utf-8")
    folder = root / "tables"
    folder.mkdir()
    (folder / "paper.csv").write_text("source,verdict\neq. (14),holds with correction\n")
    assert "holds with correction" in report.build(asking, root).read_text(encoding="utf-8")


@pytest.mark.parametrize("spoilt", ["figures/seen.csv", "figures/seen.png", "tables/paper.csv"])
def test_a_spoilt_file_is_named(study, root, spoilt):
    asking = study.model_copy(update={"tables": {"paper": TableRequest(kind="claims")}})
    (root / spoilt).parent.mkdir(exist_ok=True)
    content = (root / spoilt).read_bytes() if (root / spoilt).exists() else None
    (root / spoilt).write_bytes(b"")
    with pytest.raises(QueryError, match=f"{spoilt}: expected a file that `make` wrote"):
        report.build(asking, root)
    (root / spoilt).unlink() if content is None else (root / spoilt).write_bytes(content)


def test_symbols_are_set_as_symbols():
    assert symbols("N_i and lambda_min") == "N<sub>i</sub> and λ<sub>min</sub>"
    assert symbols("D_0 of W_1^T") == "D<sub>0</sub> of W<sub>1</sub><sup>T</sup>"
    assert symbols("α e^(-2 λ_min t), N_i^-0.81") == (
        "α e<sup>−2 λ<sub>min</sub> t</sup>, N<sub>i</sub><sup>−0.81</sup>"
    )
    assert symbols("a ^ b, x^y_z and ^2") == "a ^ b, x^y_z and ^2"
    assert symbols("W2 W2^T, N_o and λ_N") == (
        "W<sub>2</sub> W<sub>2</sub><sup>T</sup>, N<sub>o</sub> and λ<sub>N</sub>"
    )
    assert symbols("<b> rank_min N_item") == "&lt;b&gt; rank_min N_item"


def test_a_size_of_densities_alone_has_a_row_but_no_spectrum_to_lead_to(tmp_path):
    sweep = {"activation": "erf", "N": [6], "seeds": 1}
    study = parse_study(
        {
            "name": "densities",
            "results": str(tmp_path / "results"),
            "sweeps": {
                "exact": sweep,
                "both": sweep | {"spectrum": "density"},
                "large": sweep | {"N": [7], "spectrum": "density"},
            },
        }
    )
    write_segment(study.results, [point.compute() for point in study.points()])
    publish(study.results)
    page = report.build(study).read_text()
    [both, alone] = re.findall(r"<tr data-flags.*?</tr>", page, re.DOTALL)
    assert 'href="#ensemble-0"' in both
    assert "href" not in alone
    points = table(open_results(study.results))
    rows = rank_table(points).set_index("N_i")
    assert rows["teachers"].to_dict() == {6: 1, 7: 1}
    assert rows["float64_min"].to_dict() == {6: 42, 7: -1}
