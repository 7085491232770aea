"""Histograms of the eigenvalues so far as SVG, small enough to send every few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from hessweep.report.table import group_digits
from hessweep.watching.stored import BINS_PER_DECADE, DECADES, Seen

WIDTH, HEIGHT = 320, 150
MARGIN, BASE = 14, 124
"""Left and right of the bars, and their lower end, in units of the picture."""

MOST = 12
"""Activations that are shown."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Chart:
    """The histogram of one activation."""

    label: str
    picture: Markup
    description: str
    """The picture in words."""
    note: str


def charts(seen: Mapping[str, Seen]) -> list[Chart]:
    """Return a histogram for each activation that has eigenvalues, over one common axis."""
    shown = {label: one for label, one in sorted(seen.items()) if one.eigenvalues}
    if not shown:
        return []
    filled = np.flatnonzero(sum(one.counts for one in shown.values()))
    first = filled[0] // BINS_PER_DECADE
    last = -(-(filled[-1] + 1) // BINS_PER_DECADE)
    return [_chart(label, one, first, last) for label, one in list(shown.items())[:MOST]]


def _chart(label: str, seen: Seen, first: int, last: int) -> Chart:
    """Draw the decades from the first to the last, counted from the lowest that there is."""
    counts = seen.counts[first * BINS_PER_DECADE : last * BINS_PER_DECADE]
    width = (WIDTH - 2 * MARGIN) / len(counts)
    heights = (BASE - 8) * counts / counts.max()
    bars = "".join(
        f'<rect x="{MARGIN + place * width:.2f}" y="{BASE - height:.2f}" '
        f'width="{max(width - 1, 0.5):.2f}" height="{height:.2f}"/>'
        for place, height in enumerate(heights)
        if height
    )
    decades = last - first
    step = next(size for size in (1, 2, 4, 8) if decades / size <= 6)
    powers = range(DECADES[0] + first, DECADES[0] + last + 1, step)
    ticks = "".join(
        _tick(MARGIN + (power - DECADES[0] - first) * BINS_PER_DECADE * width, power)
        for power in powers
    )
    line = f'<path d="M{MARGIN} {BASE}H{WIDTH - MARGIN}"/>'
    # Nothing of it is text from outside: numbers and the names of elements alone.
    picture = Markup(f'<g class="bars">{bars}</g><g class="axis">{line}{ticks}</g>')  # noqa: S704
    # Half of the eigenvalues are between the quartiles.
    share = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(share, [0.25, 0.75]) / BINS_PER_DECADE + DECADES[0] + first
    middle = f"half of them between {_ten(low)} and {_ten(high + 1 / BINS_PER_DECADE)}"
    points = f"{group_digits(seen.points)} point{'' if seen.points == 1 else 's'}"
    return Chart(
        label,
        picture,
        f"Histogram of the eigenvalues of {label} on a logarithmic axis, {middle}",
        f"{group_digits(seen.eigenvalues)} non-zero eigenvalues of {points}, {middle}",
    )


def _tick(x: float, power: int) -> str:
    text = {0: "1", 1: "10"}.get(power, f"10{str(power).translate(_SUPERSCRIPTS)}")
    return f'<path d="M{x:.2f} {BASE}v4"/><text x="{x:.2f}" y="{BASE + 18}">{text}</text>'


def _ten(exponent: float) -> str:
    """Return 10 to an exponent, to one digit."""
    digit, power = f"{10**exponent:.0e}".split("e")
    if -2 <= int(power) <= 3:
        return f"{float(f'{digit}e{power}'):,g}"
    factor = "" if digit == "1" else f"{digit}·"
    return f"{factor}10{str(int(power)).translate(_SUPERSCRIPTS)}"
