"""Receipts by themselves, without Snakemake: what each of them depends on."""

import errno
import json
from pathlib import Path

import pytest
import yaml

from hessweep.errors import StoreAccessError
from hessweep.kinds import KINDS
from hessweep.outputs import load_study
from hessweep.running.receipts import Receipts, write_receipt
from hessweep.store import publish, published_digests, write_segment
from hessweep.store.segments import segments_folder

STUDY = {
    "name": "small",
    "sweeps": {
        "first": {"activation": "linear", "N": 2, "seeds": 2},
        "second": {"activation": "quadratic", "N": 2, "seeds": 2},
    },
    "tables": {"both": {"kind": "ranks"}, "one": {"kind": "ranks", "sweeps": "first"}},
    "figures": {
        "grid": {"kind": "rank-grid", "sweeps": "second", "options": {"activation": "quadratic"}}
    },
}


@pytest.fixture
def made(tmp_path):
    """A finished study: `made(change)` returns its receipts after a change of the study."""

    def read(change=lambda study: None):
        study = {**json.loads(json.dumps(STUDY)), "results": str(tmp_path / "results")}
        change(study)
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        return Receipts(load_study(tmp_path / "study.yaml"))

    receipts = read()
    root = receipts.root
    for sweep in receipts.study.sweeps.values():
        write_segment(root, [point.compute() for point in sweep.points()])
    publish(root)
    write_receipt(receipts.manifest, published_digests(root))
    for name in receipts.study.sweeps:
        receipts.write_sweep(name)
    for section in ("tables", "figures"):
        for name in getattr(receipts.study, section):
            path = receipts.output(section, name)
            write_receipt(path, receipts.output_content(section, name))
    write_receipt(receipts.report, receipts.report_content())
    return read


def outdated(receipts):
    return {path.relative_to(receipts.root).as_posix() for path in receipts.outdated()}


ONE, BOTH = "receipts/tables/one.json", "receipts/tables/both.json"
FIRST, SECOND = "receipts/first.json", "receipts/second.json"
GRID, REPORT = "receipts/figures/grid.json", "receipts/report/page.json"


def test_of_a_finished_study_nothing_is_outdated(made):
    assert outdated(made()) == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s["sweeps"]["first"].update(seeds=3), {FIRST, ONE, BOTH, REPORT}),
        (lambda s: s["sweeps"]["second"].update(weights="laplace"), {SECOND, BOTH, GRID, REPORT}),
        (lambda s: s["figures"]["grid"]["options"].update(activation="linear"), {GRID, REPORT}),
        (lambda s: s["tables"]["one"].update(sweeps="second"), {ONE, REPORT}),
        (lambda s: s["tables"].pop("one"), {REPORT}),
        (lambda s: s.update(name="other"), {REPORT}),
        (lambda s: s.update(cluster={"kind": "local", "workers": 1}), set()),
    ],
)
def test_an_edit_outdates_what_depends_on_it(made, change, expected):
    assert outdated(made(change)) == expected


def test_a_new_version_of_the_mathematics_outdates_all_that_is_made_of_its_points(
    made, monkeypatch
):
    """The points have other keys then, which the receipts do not stand for."""
    monkeypatch.setattr(type(KINDS["exact"]), "revision", 7)
    assert outdated(made()) == {FIRST, SECOND, ONE, BOTH, GRID, REPORT}


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_lost_segment_outdates_its_sweep_alone(made, name):
    receipts = made()
    [segment] = json.loads(receipts.sweep(name).read_text())["segments"]
    (segments_folder(receipts.root) / segment).unlink()
    assert outdated(receipts) == {f"receipts/{name}.json"}


def test_what_is_published_outdates_what_shows_it(made):
    receipts = made()
    point = receipts.study.sweeps["first"].points()[0].setup.point(99)
    write_segment(receipts.root, [point.compute()])
    publish(receipts.root)
    assert outdated(receipts) == {"published.json"}
    write_receipt(receipts.manifest, published_digests(receipts.root))
    assert outdated(receipts) == {ONE, BOTH, GRID, REPORT}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sweep": 1}', '{"segments": {"a": 1}}'])
def test_a_receipt_that_says_something_else_is_outdated_and_removed(made, content):
    receipts = made()
    for path in (receipts.sweep("first"), receipts.output("tables", "one")):
        path.write_text(content)
    assert outdated(receipts) == {FIRST, ONE}
    receipts.remove_outdated()
    assert not receipts.sweep("first").exists()
    assert outdated(receipts) == set()


def test_a_receipt_that_can_not_be_read_is_no_receipt_that_is_missing(made, monkeypatch):
    """Otherwise what it stands for would pass for what it is not."""
    receipts = made()
    original = Path.read_text

    def fails(path, *arguments, **options):
        if path == receipts.sweep("first"):
            raise OSError(errno.EIO, "Input/output error")
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", fails)
    with pytest.raises(StoreAccessError, match=r"can not read .*first\.json: Input/output error"):
        receipts.outdated()


def test_logs_have_the_names_of_their_jobs(made):
    receipts = made()
    assert receipts.log("figures", "fig-4") == receipts.root / "logs" / "figures" / "fig-4.log"
    assert receipts.log("publish") == receipts.root / "logs" / "publish.log"
