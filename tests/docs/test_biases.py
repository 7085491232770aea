"""The page on biases and outputs does what it says."""

from pages import follow


def test_the_example_runs() -> None:
    found = follow("biases.md")
    assert found["H"].shape == (23, 23)
    assert found["proof"].certificate == "proved"
    assert found["proof"].value == found["expected"] == 23
    assert found["shifted"].P == 4 * 3 + 3 + 6
