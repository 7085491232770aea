"""The page on training does what it says."""

from pages import follow


def test_the_example_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = follow("training.md")
    assert set(found["rows"]["activation"]) <= {"erf", "quadratic"}
    assert found["eigenvalues"].dims == ("time", "mode")
    assert found["eigenvalues"].sizes["mode"] == 6
