"""A small study's results with everything that can happen to a point, its page, and a browser."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from hessweep import report
from hessweep.figures import save
from hessweep.kinds import PointResult
from hessweep.store import publish, write_segment
from hessweep.study import parse_study

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return parse_study(
        {
            "name": "demo",
            "results": str(tmp_path_factory.mktemp("results") / "demo"),
            "sweeps": {
                "grid": {"activation": "linear", "N_i": "1..3", "N_h": "1..4", "seeds": 3},
                "law": {
                    "activation": "linear",
                    "sizes": [[3, 6], [6, 3]],
                    "seeds": 60,
                    "weights": ["normal", "laplace"],
                },
                "curved": {
                    "activation": ["erf", {"name": "quadratic", "epsilon": 0.5}],
                    "N_i": [1, 2, 5],
                    "N_h": [2, 12],
                    "seeds": "7..8",
                },
            },
            "figures": {
                "seen": {"kind": "rank-grid", "title": f"Seen {HOSTILE}"},
                "absent": {"kind": "architecture"},
            },
        }
    )


@pytest.fixture(scope="session")
def computed(study):
    """The results of all points but the last; the first two failed, erf's first rank is off."""
    asked = study.points()[:-1]
    failed = [PointResult(point, error=f"ArithmeticError: {HOSTILE}") for point in asked[:2]]
    results = failed + [point.compute() for point in asked[2:]]
    wrong = next(k for k, r in enumerate(results) if r.point.setup.activation.label == "erf")
    scalars = {
        **results[wrong].scalars,
        "effective_parameters": results[wrong].scalars["rank"] + 1,
        "effective_parameters_kind": "exact",
        "rank_certificate": "undecided",
    }
    results[wrong] = replace(results[wrong], scalars=scalars)
    return results


@pytest.fixture(scope="session")
def root(study, computed):
    # In two segments and backwards: the order of commits is not that of the page.
    half = len(computed) // 2
    write_segment(study.results, computed[half:][::-1])
    write_segment(study.results, computed[:half])
    publish(study.results)
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2], [3, 4])
    data = {"curve": pd.DataFrame({"N_i": [1, 2], "lambda_min": [1e-7, HOSTILE]})}
    save(figure, data, study.results / "figures" / "seen", f"Caption with N_h {HOSTILE}")
    return study.results


@pytest.fixture(scope="session")
def page(study, root, tmp_path_factory):
    claims = pd.DataFrame(
        {
            "claim": ["rank is N_i", HOSTILE],
            "holds": [True, False],
            "distance": [0.25, float("nan")],
        }
    )
    # A copy: tests build the report again.
    return shutil.copy(report.build(study, root, claims), tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def html(page):
    return Path(page).read_text(encoding="utf-8")


@pytest.fixture
def tab(browser, page):
    """A tab with the page loaded; anything that the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    complaints, requests = [], []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(Path(page).as_uri())
    tab.wait_for_selector("#explorer[data-ready]", state="attached")
    yield tab
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
