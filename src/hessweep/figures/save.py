"""Write a figure to disk: PNG, PDF, the plotted numbers as CSV, and the caption as text."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hessweep.figures import style

Tables = Mapping[str, pd.DataFrame]
"""The plotted numbers: one table for each part of the figure, by its name."""

SUFFIXES = (".png", ".pdf", ".csv", ".txt")
"""Suffixes of the files that `save` writes for each figure."""


def save(figure: Figure, data: Tables, path: str | Path, caption: str = "") -> tuple[Path, ...]:
    """Write `path` with the suffixes .png (300 dpi), .pdf, .csv (the data) and .txt (the caption).

    All parts of the data go into one CSV file, whose first column `table` names the part. The
    files contain no date or version, so that the same data give the same bytes.

    Returns:
        The four paths, in the order of `SUFFIXES`.
    """
    # Path.with_suffix would replace the ".5" of a name such as "fig-2.5".
    png, pdf, csv, txt = (Path(f"{path}{suffix}") for suffix in SUFFIXES)
    png.parent.mkdir(parents=True, exist_ok=True)
    with style.paper():
        figure.savefig(png, dpi=300, metadata={"Software": None})
        figure.savefig(pdf, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    table = pd.concat(data, names=["table"]).reset_index("table")
    table.to_csv(csv, index=False, float_format="%.9g", lineterminator="\n")
    txt.write_text(caption + "\n", encoding="utf-8")
    return png, pdf, csv, txt
