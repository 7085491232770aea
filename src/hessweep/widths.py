"""The axis `widths`: the sizes of a deep network, as one text such as `3-4-4-1`.

The other sizes of a setup follow from it: `N_i` is the number of inputs, `N_h` the number of all
hidden neurons, and `N_o` the number of outputs. They are stored beside it, so that conditions such
as `N_i == 3` or `P > 20 * N_h` mean the same for networks of every depth.
"""

import re
from collections.abc import Sequence
from typing import Any

from hessweep.errors import ShapeError

LARGEST = 1_000_000
"""The largest width; the memory of a point is checked apart from this."""

MOST_LAYERS = 100
"""The largest number of layers of a point."""

_TEXT = re.compile(r"[1-9][0-9]{0,6}(-[1-9][0-9]{0,6}){2,}")


def axes_of_widths(sizes: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a setup that these widths `d_0, ..., d_L` determine.

    Two layers are described by `N_i`, `N_h` and `N_o` alone, and `widths` is empty then.

    Raises:
        ShapeError: If they are not 3 to `MOST_LAYERS` + 1 whole numbers from 1 to `LARGEST`.
    """
    whole = all(isinstance(d, int) and not isinstance(d, bool) for d in sizes)
    fits = whole and 3 <= len(sizes) <= MOST_LAYERS + 1
    if not fits or not all(1 <= d <= LARGEST for d in sizes):
        raise ShapeError(
            f"widths: expected inputs, at least one hidden layer and outputs, such as "
            f"[3, 4, 4, 1], at most {MOST_LAYERS} layers, each from 1 to {LARGEST} wide, got "
            f"{list(sizes)[:8]}{', ...' if len(sizes) > 8 else ''}"
        )
    text = "-".join(map(str, sizes)) if len(sizes) > 3 else ""
    return {"N_i": sizes[0], "N_h": sum(sizes[1:-1]), "N_o": sizes[-1], "widths": text}


def read_widths(text: str) -> tuple[int, ...]:
    """Return the widths that a text such as `3-4-4-1` stands for.

    Raises:
        ShapeError: If it is not the text of more than two layers.
    """
    if not isinstance(text, str) or not _TEXT.fullmatch(text) or text.count("-") < 3:
        raise ShapeError(
            "widths: expected the sizes of inputs, hidden layers and outputs of more than two "
            f"layers, such as 3-4-4-1, got {str(text)[:60]!r}"
        )
    return tuple(map(int, text.split("-")))


def check_axes(text: str, N_i: int, N_h: int, N_o: int) -> None:
    """Raise unless the other sizes of a setup are those that its widths make.

    Raises:
        ShapeError: If they are not, or the widths can not be read.
    """
    expected = axes_of_widths(read_widths(text))
    given = {"N_i": N_i, "N_h": N_h, "N_o": N_o, "widths": text}
    if given != expected:
        sizes = {name: expected[name] for name in ("N_i", "N_h", "N_o")}
        raise ShapeError(
            f"widths {text}: expected {sizes}, got N_i = {N_i}, N_h = {N_h}, N_o = {N_o}; "
            "Setup.of_widths sets them"
        )
