"""The study's figures for the page: picture, PDF, caption and plotted numbers, all inside it."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from dask.system import CPU_COUNT
from PIL import Image

from hessweep.errors import QueryError
from hessweep.figures import SUFFIXES, figure_kind
from hessweep.report.packing import data_uri, pack
from hessweep.report.table import Cell, Table, cell, tabulate
from hessweep.study import Study

ROWS_SHOWN = 200
"""Number of rows of a figure's data that the page shows; the CSV file has all of them."""

PIXELS = 2.2
"""Pixels of a picture for each pixel of the page, where there is room: of 300 dpi some 136 dpi."""

WIDE = 600
"""Width in pixels of the page from which a picture has a row of its own."""


@dataclass(frozen=True)
class Illustration:
    """One figure."""

    name: str
    title: str
    caption: str
    picture: str
    """A data URI."""
    width: int
    """Of the picture on the page, in pixels, where there is room."""
    height: int
    pdf: str
    """A data URI; empty if there is no PDF."""
    csv: str
    """A data URI of the plotted numbers, compressed by gzip; empty if there are none."""
    data: Table | None
    """The first rows of these numbers."""
    rows: int
    """Number of rows in the file."""

    @property
    def wide(self) -> bool:
        """Whether the picture has a row of the page of its own."""
        return self.width >= WIDE


def illustrations(study: Study, folder: Path) -> list[Illustration]:
    """Return the figures of the study that have been made, in the study's order.

    Args:
        study: The study.
        folder: Folder of `<figure>.png`, `.pdf`, `.csv` (data) and `.txt` (caption).

    Raises:
        QueryError: If one of these files is damaged.
    """
    titles = {
        name: request.title or figure_kind(request.kind, request.options, request.file).title
        for name, request in study.figures.items()
        if (folder / f"{name}.png").is_file()
    }
    # What takes long, the compression of the pictures, runs outside Python.
    with ThreadPoolExecutor(CPU_COUNT) as threads:
        return list(threads.map(partial(_illustration, folder=folder), titles, titles.values()))


def missing_figures(study: Study, folder: Path) -> list[str]:
    """Return the names of the study's figures that have not been made."""
    return [name for name in study.figures if not (folder / f"{name}.png").is_file()]


def read_table(path: Path) -> pd.DataFrame:
    """Return a table that the workflow has written.

    Raises:
        QueryError: If the file is not a CSV table.
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


def _picture(path: Path) -> tuple[str, int, int]:
    """Return a PNG as a data URI of a WebP, with the same pixels, and its size on the page."""
    buffer = io.BytesIO()
    with _name_a_bad_file(path), Image.open(path) as image:
        image.save(buffer, "WEBP", lossless=True, method=2)
        width, height = (round(pixels / PIXELS) for pixels in image.size)
    return data_uri("image/webp", buffer.getvalue()), width, height


def _first_rows(data: pd.DataFrame) -> Table:
    return tabulate(data.head(ROWS_SHOWN), formats={str(name): _rounded_cell for name in data})


def _rounded_cell(value: Any) -> Cell:
    """Return the cell of a plotted number, sorted by the digits that it shows."""
    text, exact = cell(value)
    return text, f"{value:.4g}" if exact and isinstance(value, float) else exact


def _illustration(name: str, title: str, folder: Path) -> Illustration:
    # Path.with_suffix would replace the ".5" of a name such as "fig-2.5".
    png, pdf, csv, txt = (folder / f"{name}{suffix}" for suffix in SUFFIXES)
    data = read_table(csv) if csv.is_file() else pd.DataFrame()
    picture, width, height = _picture(png)
    return Illustration(
        name=name,
        title=title,
        caption=txt.read_text(encoding="utf-8").strip() if txt.is_file() else "",
        picture=picture,
        width=width,
        height=height,
        pdf=data_uri("application/pdf", pdf.read_bytes()) if pdf.is_file() else "",
        csv=f"data:application/gzip;base64,{pack(csv.read_bytes())}" if len(data) else "",
        data=_first_rows(data) if len(data) else None,
        rows=len(data),
    )
