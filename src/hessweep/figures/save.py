"""A figure on disk: picture, vector drawing, the plotted numbers and the caption."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hessweep.figures import style

Tables = Mapping[str, pd.DataFrame]
"""What a figure shows, by the name of each part."""

SUFFIXES = (".png", ".pdf", ".csv", ".txt")
"""The files that `save` writes beside one another."""


def save(figure: Figure, data: Tables, path: str | Path, caption: str = "") -> tuple[Path, ...]:
    """Write `path` with the suffixes .png (300 dpi), .pdf, .csv (the data) and .txt (the caption).

    All parts of the data go into one CSV file, whose first column `table` names the part. No
    file holds a date or a version: the same data give the same bytes.

    Returns:
        The four paths, in the order of `SUFFIXES`.
    """
    # Not with_suffix: a name such as "fig-2.5" has no suffix to be replaced.
    png, pdf, csv, txt = (Path(f"{path}{suffix}") for suffix in SUFFIXES)
    png.parent.mkdir(parents=True, exist_ok=True)
    with style.paper():
        figure.savefig(png, dpi=300, metadata={"Software": None})
        figure.savefig(pdf, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    table = pd.concat(data, names=["table"]).reset_index("table")
    table.to_csv(csv, index=False, float_format="%.9g", lineterminator="\n")
    txt.write_text(caption + "\n", encoding="utf-8")
    return png, pdf, csv, txt
