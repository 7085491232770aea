"""The study's figures as the page carries them: picture, caption and plotted numbers inside it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from hessweep.errors import QueryError
from hessweep.figures import figure_kind
from hessweep.report.packing import data_uri, pack
from hessweep.report.table import Cell, Table, cell, tabulate
from hessweep.study import Study

ROWS_SHOWN = 200
"""Of a figure's data, so many rows are shown; all of them are in the CSV file."""


@dataclass(frozen=True)
class Illustration:
    """One figure."""

    name: str
    title: str
    caption: str
    picture: str
    """A data URI."""
    csv: str
    """A data URI of the plotted numbers, gzipped; empty where there are none."""
    data: Table | None
    """The first rows of these numbers."""
    rows: int
    """How many rows they are."""


def illustrations(study: Study, folder: Path) -> list[Illustration]:
    """Return the figures that the study names and that are there, in the study's order.

    Args:
        study: The study.
        folder: Where `<figure>.png`, `.csv` (data) and `.txt` (caption) are.

    Raises:
        QueryError: If one of these files can not be read as what it is.
    """
    return [
        _illustration(
            name, request.title or figure_kind(request.kind, request.options).title, folder
        )
        for name, request in study.figures.items()
        if (folder / f"{name}.png").is_file()
    ]


def missing_figures(study: Study, folder: Path) -> list[str]:
    """Return the figures that the study names and that have not been made."""
    return [name for name in study.figures if not (folder / f"{name}.png").is_file()]


def read_table(path: Path) -> pd.DataFrame:
    """Return a table that the workflow has made.

    Raises:
        QueryError: If the file is none.
    """
    with _name_a_bad_file(path):
        return pd.read_csv(path)


@contextmanager
def _name_a_bad_file(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise QueryError(
            f"{path}: expected a file that `make` wrote, got {' '.join(str(error).split())}; "
            "remove it, and `make` writes it anew"
        ) from error


def _picture_uri(path: Path) -> str:
    """Return a PNG as a data URI of a WebP: the same pixels in a third of the bytes."""
    buffer = io.BytesIO()
    with _name_a_bad_file(path), Image.open(path) as image:
        image.save(buffer, "WEBP", lossless=True, method=2)
    return data_uri("image/webp", buffer.getvalue())


def _first_rows(data: pd.DataFrame) -> Table:
    return tabulate(data.head(ROWS_SHOWN), formats={str(name): _rounded_cell for name in data})


def _rounded_cell(value: Any) -> Cell:
    """Return the cell of a plotted number, to the digits that are shown: the file has all."""
    text, exact = cell(value)
    return text, f"{value:.4g}" if exact and isinstance(value, float) else exact


def _illustration(name: str, title: str, folder: Path) -> Illustration:
    # A name such as "fig-2.5" has no suffix to be replaced.
    picture, csv, caption = (folder / f"{name}{suffix}" for suffix in (".png", ".csv", ".txt"))
    data = read_table(csv) if csv.is_file() else pd.DataFrame()
    return Illustration(
        name=name,
        title=title,
        caption=caption.read_text(encoding="utf-8").strip() if caption.is_file() else "",
        picture=_picture_uri(picture),
        csv=f"data:application/gzip;base64,{pack(csv.read_bytes())}" if len(data) else "",
        data=_first_rows(data) if len(data) else None,
        rows=len(data),
    )
