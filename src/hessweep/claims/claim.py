"""What a row of the claims table holds."""

from typing import Literal, NamedTuple

Verdict = Literal["holds", "holds with correction", "fails"]


class Claim(NamedTuple):
    """One claim of the paper beside what was measured."""

    source: str
    """Equation, section or figure of the paper."""
    claim: str
    """What the paper says; for a misprint also what is right."""
    measured: str
    """What was measured, in numbers."""
    points: int
    """Number of teachers that it was measured on."""
    rule: str
    """What has to be true of these numbers for the claim to hold."""
    verdict: Verdict


def verdict(holds: bool) -> Verdict:
    """Return the verdict on a claim that needs no correction."""
    return "holds" if holds else "fails"


def corrected(holds: bool) -> Verdict:
    """Return the verdict on a claim that is wrong as printed and right with a correction."""
    return "holds with correction" if holds else "fails"
