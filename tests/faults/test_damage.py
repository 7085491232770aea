"""Damaged results at the command line: found, set aside, and only that computed again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.stored import Content, contents, times_stored
from hessweep.cli import main
from hessweep.outputs import load_study
from hessweep.store import publish, write_segment

STUDY = """
name: demo
sweeps:
  small: {activation: [erf, quadratic], N: [2, 3], seeds: 3}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished study in the current folder: 6 segments of 2 points."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    points = load_study("study.yaml").points()
    root = tmp_path / "results" / "demo"
    for start in range(0, len(points), 2):
        write_segment(root, [point.compute() for point in points[start : start + 2]])
    publish(root)
    return root


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return int(exit_.value.code or 0)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def segment(root: Path) -> Path:
    return sorted(root.glob("segments/*.zip"))[2]


def chunk(root: Path) -> Path:
    return chunks(root, "eigenvalues")[0]


def chunks(root: Path, array: str) -> list[Path]:
    files = (path for path in root.glob(f"published/erf.zarr/{array}/**/*") if path.is_file())
    return [path for path in files if path.name != "zarr.json"]


DAMAGE: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], str, int]] = {
    "a flipped bit in a segment": (segment, flip, "damaged segment", 2),
    "a truncated segment": (segment, truncate, "damaged segment", 2),
    "an empty segment": (segment, lambda path: path.write_bytes(b""), "damaged segment", 2),
    "a missing segment": (segment, Path.unlink, "stale published", 2),
    "a flipped bit in what is published": (chunk, flip, "damaged published", 0),
    "a truncated published file": (chunk, truncate, "damaged published", 0),
    "a missing published file": (chunk, Path.unlink, "damaged published", 0),
}
"""Of which file, how, what it is called, and how many points are lost by it."""


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_repaired_and_computed_again(
    root: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where, spoil, kind, lost = DAMAGE[damage]
    before: Content = contents(root)
    assert call("verify", "results/demo") == 0
    assert "12 points in 6 segments" in capsys.readouterr().out
    spoil(where(root))

    assert call("verify", "results/demo", "--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert any(problem.startswith(f"{kind}: ") for problem in problems), problems
    assert call("verify", "results/demo", "--repair", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    moved = lost if "missing" not in damage else 0
    assert told["points"] == 12 - lost
    assert len(list(root.glob("segments/damaged/*"))) == moved // 2

    assert call("run", "study.yaml", "--json", "--workers", "1") == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts == {"requested": 12, "computed": lost, "reused": 12 - lost, "failed": 0}
    assert contents(root) == before
    assert set(times_stored(root).values()) == {1}
    assert call("verify", "results/demo", "--sample", "12") == 0


def test_a_run_computes_damaged_points_again_without_a_repair(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(root)
    spoilt = segment(root)
    truncate(spoilt)
    assert call("run", "study.yaml", "--json", "--workers", "1") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["computed"] == 2
    assert "warning: 1 damaged segments" in err
    spoilt.unlink()
    assert contents(root) == before


def test_a_reader_gets_an_error_and_no_wrong_number(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [chunk] = chunks(root, "lambda_max")
    flip(chunk)
    assert call("query", "results/demo", "activation == 'erf'") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hessweep: ")
    assert "Traceback" not in err


def test_a_foreign_file_is_named_and_left_alone(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "segments" / "notes.txt").write_text("mine")
    assert call("verify", "results/demo", "--repair") == 1
    assert "foreign file: segments/notes.txt" in capsys.readouterr().out
    assert (root / "segments" / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_not_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("verify", "results/dmo") == 2
    assert "results/dmo: expected the results folder" in capsys.readouterr().err


def test_nothing_stored_is_pickled(root: Path) -> None:
    """No file of the store is a pickle, and arrays name no codec that could read one."""
    for path in (path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not content.startswith((b"\x80\x03", b"\x80\x04", b"\x80\x05")), path
        assert b"pickle" not in content, path
