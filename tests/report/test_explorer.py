"""The file in which the workflow sums up the spectra while it makes figures."""

import json

import pytest

from hessweep import report
from hessweep.report import explorer
from hessweep.running.receipts import Receipts


@pytest.fixture
def summed(study, root, tmp_path):
    path = tmp_path / "receipts" / "explorer.json"
    explorer.write(path, study)
    return path


def marked(path):
    """Mark the file, and return what tells whether a page shows the mark."""
    written = json.loads(path.read_text())
    written["summed"]["root"] = "taken from the file"
    path.write_text(json.dumps(written))

    def is_shown(study, root):
        taken = explorer.read(path, study)
        return taken is not None and taken["root"] == "taken from the file"

    return is_shown


def test_a_page_from_the_file_is_the_page_without_it(study, root, summed):
    without = report.build(study).read_bytes()
    assert report.build(study, explored=summed).read_bytes() == without


def test_a_page_takes_the_file_that_was_made_from_the_same_results(study, root, summed):
    plain = report.build(study, explored=summed).read_bytes()
    assert marked(summed)(study, root)
    assert report.build(study, explored=summed).read_bytes() != plain


def test_a_file_that_was_made_from_other_results_is_not_taken(study, root, summed, monkeypatch):
    is_shown = marked(summed)
    name = next(iter(study.sweeps))
    other = study.sweeps[name].model_copy(update={"seeds": (0,)})
    assert not is_shown(study.model_copy(update={"sweeps": {**study.sweeps, name: other}}), root)
    content = Receipts.report_content
    monkeypatch.setattr(
        Receipts, "report_content", lambda self: {**content(self), "published": "later"}
    )
    assert not is_shown(study, root)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"summed": {}}', None])
def test_a_file_that_is_damaged_or_not_there_is_not_taken(study, root, summed, text):
    if text is None:
        summed.unlink()
    else:
        summed.write_text(text)
    assert explorer.read(summed, study) is None
    assert report.build(study, explored=summed).is_file()
