"""Every row of the tables in docs/reliability.md names its test, and that test exists."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"

FUNCTIONS = {
    name
    for path in TESTS.rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def rows(text: str) -> list[str]:
    """Return the rows of all tables, without their heads."""
    tables = re.findall(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]


def lacking(row: str) -> list[str]:
    """Return the tests that the last cell names and that do not exist; or that it names none."""
    named = re.findall(r"`([^`]+)`", row.rstrip("|").rpartition("|")[2])
    if not named:
        return ["no test"]
    return [
        name
        for name in named
        if name.partition("[")[0] not in FUNCTIONS and not (TESTS / name).is_file()
    ]


def test_every_row_names_tests_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = rows(text)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = sum(line.startswith("|---") for line in lines)
    assert len(found) == len(lines) - 2 * heads  # no row stands apart from its table
    assert {row: lacking(row) for row in found if lacking(row)} == {}


@pytest.mark.parametrize("cell", ["", "the same", "`test_that_is_not_there`", "`faults/no.py`"])
def test_a_row_without_a_test_is_found(cell: str) -> None:
    head = "| fault | test |\n|---|---|\n"
    [row] = rows(f"{head}| a fault | {cell} |\n")
    assert lacking(row)
