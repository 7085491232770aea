"""How `status` shows the setups of a sweep whose seeds are taken until a mean is known."""

from collections import Counter
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from hessweep.units import show_count

if TYPE_CHECKING:
    from hessweep.running.requested import Cell

SHOWN = 10
"""Setups of a sweep that are listed."""

HEAVY = 0.1
"""Where a larger share of the sum of all values comes from one seed, that is told."""

STATES = {
    "error reached": "reached the error",
    "at most": "stopped at `at_most`",
    "too few values": "ended because most of the points have no value",
    "": "not finished",
}
"""What became of a setup, in words."""


def plain_cell(cell: "Cell") -> dict[str, Any]:
    """Return one setup as plain data; a number that there is not is null."""
    look = cell.look
    return {
        "setup": str(cell.setup),
        "seeds": look.seeds,
        "values": look.values,
        "mean": None if isnan(look.mean) else look.mean,
        "relative_error": None if isnan(look.relative_error) else look.relative_error,
        "largest_share": None if isnan(look.largest_share) else look.largest_share,
        "state": STATES[cell.end],
    }


def cell_lines(sweep: str, cells: "Sequence[Cell]") -> list[str]:
    """Return how many setups of a sweep are in which state, and a line for some of them.

    Those that did not reach their error come first.
    """
    counts: Counter[str] = Counter(cell.end for cell in cells)
    told = [f"{count:,} {STATES[end]}" for end in STATES if (count := counts[end])]
    lines = [f"{sweep}: of {show_count(len(cells), 'setup')} {', '.join(told)}"]
    first = sorted(cells, key=lambda cell: cell.end == "error reached")
    lines += [f"  {cell.setup}: {_described(cell)}" for cell in first[:SHOWN]]
    if len(cells) > SHOWN:
        lines.append(f"  and {len(cells) - SHOWN:,} other setups, which --json lists")
    return lines


def _described(cell: "Cell") -> str:
    look = cell.look
    error = "" if isnan(look.relative_error) else f", mean ± {100 * look.relative_error:.2g} %"
    lacking = look.seeds - look.values
    without = f", {lacking:,} without a value" if lacking else ""
    share = f", {100 * look.largest_share:.0f} % of the sum from one seed"
    heavy = share if look.largest_share > HEAVY else ""
    return f"{show_count(look.seeds, 'seed')}{without}{error}{heavy}, {STATES[cell.end]}"
