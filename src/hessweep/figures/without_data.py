"""What stands in the place of a figure whose data are not there."""

import textwrap
from pathlib import Path

import pandas as pd

from hessweep.figures import style
from hessweep.figures.save import save

WIDTH = 60
"""Characters in a line of the message."""


def make_without_data(path: str | Path, message: str) -> tuple[Path, ...]:
    """Save a picture of the message as `save` does, with the message as data and caption.

    A study with failed points shows everything that it can, and says why the rest is missing.

    Returns:
        The four paths.
    """
    lines = textwrap.wrap(f"This figure could not be made: {message}", WIDTH)
    with style.paper():
        figure = style.figure(style.SINGLE, 0.15 * len(lines) + 0.4)
        figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=7, wrap=False)
    return save(figure, {"message": pd.DataFrame({"message": [message]})}, path, message)
