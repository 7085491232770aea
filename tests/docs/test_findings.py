"""The numbers on the page of findings are those that its code gives."""

import re

import numpy as np
import pytest
from pages import DOCS, follow

import hessweep

PAGE = (DOCS / "findings.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found():
    return follow("findings.md")


def test_ranks(found):
    assert (found["full"].value, found["full"].certificate) == (24, "proved")
    assert found["smallest"].lower <= 6.2035e-43
    assert found["smallest"].upper >= 6.2034e-43
    assert "6e-43" in PAGE
    assert np.linalg.matrix_rank(hessweep.hessian(found["teacher"])) < 24
    exception = found["exception"]
    assert (exception.value, exception.certificate) == (19, "proved")
    assert found["even"].support == (2, 4)
    # Counting: 5 neurons with 4 parameters each; monomials of degrees 2 and 4 in 3 variables.
    assert min(5 * 4, 6 + 15) == 20
    assert (found["without"], found["both"]) == (30, 34)
    assert (found["deep"].value, found["deep"].certificate) == (32, "proved")
    assert found["coefficient"].lower == found["coefficient"].upper == 16 / 2


def test_spectra(found):
    assert found["share"] == pytest.approx(0.16, abs=0.005)
    assert found["outlier"] == pytest.approx(80 + 11 + 44 / 80)
    assert abs(found["outlier"] - 91.23) < 0.32
    samples = [
        hessweep.spectrum(hessweep.sample_teacher("linear", 4, 4, seed))[-4:]
        for seed in range(2000)
    ]
    near = hessweep.laws.ks_distance(np.concatenate(samples), found["exact"])
    far = hessweep.laws.ks_distance(np.concatenate(samples), found["large"])
    assert near < 0.02 < far


def test_every_finding_says_its_status_and_has_a_way_to_see_it():
    parts = re.split(r"\n\n(?=\*\*)", PAGE.partition("## Corrections")[0])[1:]
    assert len(parts) == 9
    for part in parts:
        assert re.search(r"\*(Theorem|Measured|proved|conjecture)", part), part[:60]
        assert "```" in part, part[:60]
        assert re.search(r"\]\(\w+\.md", part), part[:60]
