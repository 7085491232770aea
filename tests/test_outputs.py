"""One gate for study files, wherever a user comes in."""

from pathlib import Path

import pytest

import hessweep
from hessweep.cli import main
from hessweep.errors import StudyError
from hessweep.outputs import load_study

STUDY = """name: gate
results: {results}
sweeps: {{s: {{activation: erf, N: 2, seeds: 1}}}}
"""
WRONG = {
    "tables.t: unknown kind": "tables: {t: {kind: nope}}",
    "figures.f: unknown kind": "figures: {f: {kind: nope}}",
}


@pytest.fixture(params=WRONG)
def wrong(request, tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.format(results=tmp_path / "results") + WRONG[request.param])
    return file, request.param


def test_a_wrong_kind_is_refused_by_the_library(wrong: tuple[Path, str]) -> None:
    file, message = wrong
    for load in (load_study, hessweep.load_study):
        with pytest.raises(StudyError, match=f"study.yaml: {message}"):
            load(file)


@pytest.mark.parametrize("command", ["plan", "run", "status", "report"])
def test_a_wrong_kind_is_refused_by_every_command(
    command: str, wrong: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, message = wrong
    with pytest.raises(SystemExit) as ended:
        main([command, str(file)])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (file.parent / "results").exists()


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.format(results=tmp_path) + "\n".join(WRONG.values()))
    with pytest.raises(StudyError) as told:
        load_study(file)
    assert all(message in str(told.value) for message in WRONG)
