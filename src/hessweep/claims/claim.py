"""What a row of the claims table holds."""

from typing import Literal, NamedTuple


class Claim(NamedTuple):
    """One claim of the paper against what was measured."""

    source: str
    """Equation, section or figure."""
    claim: str
    """What the paper says."""
    measured: str
    """What came out, in numbers."""
    points: int
    """On how many teachers."""
    verdict: Literal["holds", "holds with correction", "fails"]


def verdict(holds: bool) -> Literal["holds", "fails"]:
    """Return the verdict on a claim that needs no correction."""
    return "holds" if holds else "fails"
