"""The summary at the top of the page: four numbers, each with a line that explains it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from hessweep.report.table import group_digits


@dataclass(frozen=True)
class Tile:
    """One number of the summary."""

    heading: str
    number: str
    note: str
    state: Literal["good", "bad", "neutral"]
    """Sets the colour of the number."""
    target: str
    """Identifier of the section that has the details."""


def tiles(
    counts: Mapping[str, int], ranks: pd.DataFrame, claims: pd.DataFrame | None
) -> list[Tile]:
    """Return the tiles: points, proved ranks, ranks that float64 gets wrong, and claims.

    Args:
        counts: Numbers of points: `requested`, `done`, `failed`, `missing`.
        ranks: Return value of `tables.rank_table`.
        claims: The table of claims; without a column `verdict` or rows there is no tile.
    """
    done, requested = counts["done"], counts["requested"]
    lacking = [f"{counts[word]} {word}" for word in ("failed", "missing") if counts[word]]
    teachers, proved = int(ranks["teachers"].sum()), int(ranks["proved"].sum())
    wrong = int(ranks["float64_differs"].sum())
    found = [
        Tile(
            "Points computed",
            group_digits(done),
            ", ".join(lacking) or f"all of {group_digits(requested)}",
            "bad" if lacking else "good",
            "progress",
        ),
        Tile(
            "Ranks proved",
            _share(proved, teachers),
            f"{group_digits(proved)} of {group_digits(teachers)} teachers",
            "good" if proved == teachers else "neutral",
            "ranks",
        ),
        Tile(
            "Ranks that float64 gets wrong",
            group_digits(wrong),
            f"at {int((ranks['float64_differs'] > 0).sum())} of {len(ranks)} sizes",
            "bad" if wrong else "good",
            "ranks",
        ),
    ]
    if claims is not None and len(claims) and "verdict" in claims:
        found.append(_claims_tile(claims["verdict"]))
    return found


def _claims_tile(verdicts: pd.Series) -> Tile:
    holds = verdicts.astype(str).str.startswith("holds")
    corrected = int((verdicts == "holds with correction").sum())
    failed = int((~holds).sum())
    return Tile(
        "Claims that hold",
        f"{int(holds.sum())} of {len(verdicts)}",
        f"{corrected} with a correction, {failed} fail" + ("s" if failed == 1 else ""),
        "bad" if failed else "good",
        "claims",
    )


def _share(part: int, whole: int) -> str:
    """Return a percentage that is 100 only if it is exactly so; a dash for nothing."""
    if not whole:
        return "–"
    return "100\u202f%" if part == whole else f"{min(99.9, 100 * part / whole):.1f}\u202f%"
