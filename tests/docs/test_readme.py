"""The README's study and its own activation, as they stand there."""

import re

import numpy as np
import yaml
from pages import DOCS

from hessweep.figures import figure_kind
from hessweep.study import parse_study
from hessweep.tables import table_kind

README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def block(language, beginning):
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (found,) = (text for text in blocks if text.startswith(beginning))
    return found


def test_the_study_is_one_and_takes_the_own_activation(tmp_path):
    (tmp_path / "mish.py").write_text(block("python", "import numpy"))
    document = yaml.safe_load(block("yaml", "name: mine"))
    study = parse_study(document, tmp_path / "mine.yaml")
    assert len(study.points()) == 2 * 3 * 20
    assert all(figure_kind(figure.kind, figure.options) for figure in study.figures.values())
    assert all(table_kind(table.kind, table.options) for table in study.tables.values())

    document["sweeps"]["square"] |= yaml.safe_load(block("yaml", "    activation:"))
    own = parse_study(document, tmp_path / "mine.yaml").points()
    assert {point.setup.activation.label.split("@")[0] for point in own} == {"erf", "mish"}
    point = next(
        p for p in own if p.setup.activation.label.startswith("mish") and p.setup.N_i == 5
    )
    x = np.linspace(-2, 2, 5)
    assert np.allclose(point.setup.activation(x), x * np.tanh(np.log1p(np.exp(2 * x))))
    scalars = point.compute().scalars
    assert 0 < scalars["eigenvalue_error"] < 1e-6 * scalars["lambda_max"]


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)", README)
    assert len(links) > 15
    assert [link for link in links if not (DOCS.parent / link).exists()] == []
