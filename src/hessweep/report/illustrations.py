"""The study's figures as the page carries them: picture, caption and plotted numbers inside it."""

import base64
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hessweep.figures import figure_kind
from hessweep.report.table import Table, tabulated
from hessweep.study import Study

ROWS_SHOWN = 200
"""Of a figure's data, so many rows are shown; all of them are in the CSV file."""

MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".csv": "text/csv"}


@dataclass(frozen=True)
class Illustration:
    """One figure."""

    name: str
    title: str
    caption: str
    picture: str
    """A data URI."""
    csv: str
    """A data URI of the plotted numbers; empty where there are none."""
    data: Table | None
    """The first rows of these numbers."""
    rows: int
    """How many rows they are."""


def illustrations(study: Study, folder: Path) -> list[Illustration]:
    """Return the figures that the study names and that are there, in the study's order.

    Args:
        study: The study.
        folder: Where `<figure>.png` or `.svg`, `.csv` (data) and `.txt` (caption) are.
    """
    return [
        _illustration(name, request.title or figure_kind(request.kind).title, picture)
        for name, request in study.figures.items()
        for picture in _pictures(folder, name)
    ]


def absent(study: Study, folder: Path) -> list[str]:
    """Return the figures that the study names and that have not been made."""
    return [name for name in study.figures if not _pictures(folder, name)]


def data_uri(path: Path) -> str:
    """Return the file as a data URI."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f"data:{MEDIA_TYPES[path.suffix]};base64,{content}"


def _pictures(folder: Path, name: str) -> list[Path]:
    # A name such as "fig-2.5" has no suffix to be replaced.
    found = [folder / f"{name}{suffix}" for suffix in (".svg", ".png")]
    return [path for path in found if path.is_file()][:1]


def _illustration(name: str, title: str, picture: Path) -> Illustration:
    csv, caption = (picture.parent / f"{name}{suffix}" for suffix in (".csv", ".txt"))
    data = pd.read_csv(csv) if csv.is_file() else pd.DataFrame()
    return Illustration(
        name=name,
        title=title,
        caption=caption.read_text(encoding="utf-8").strip() if caption.is_file() else "",
        picture=data_uri(picture),
        csv=data_uri(csv) if len(data) else "",
        data=tabulated(data.head(ROWS_SHOWN)) if len(data) else None,
        rows=len(data),
    )
