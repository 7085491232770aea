"""Results on an object store are refused, in words: docs/reliability.md says why."""

from pathlib import Path

import pytest

from hessweep.cli import main

STUDY = """
name: demo
results: s3://bucket/demo
sweeps:
  small: {activation: erf, N: 2, seeds: 1}
"""


@pytest.mark.parametrize("command", ["plan", "run", "status"])
def test_an_object_store_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(SystemExit) as exit_:
        main([command, "study.yaml"])
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "hessweep: study.yaml: results: expected the path of a file or folder, "
        "got 's3://bucket/demo'\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("command", ["query", "verify", "publish"])
def test_an_object_store_as_a_folder(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main([command, "s3://bucket/demo"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("hessweep: ")
    assert list(tmp_path.iterdir()) == []
