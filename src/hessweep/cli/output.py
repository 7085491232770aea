"""How commands print tables, data and messages."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

INCOMPLETE = 1
"""The exit code when points failed or are missing, or when something outside went wrong."""


def tell(message: str) -> None:
    """Print a message to the error stream, its beginning in red on a terminal."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    name = typer.style("hessweep:", fg="red", bold=True) if coloured else "hessweep:"
    # Where there is no way to print a message, the exit code has to do.
    with suppress(OSError):
        sys.stderr.write(f"{name} {printable(message)}\n")


def printable(text: str) -> str:
    """Return the text without control characters, which a terminal would act on."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
        for letter in text
    )


def print_json(data: Any) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(data) + "\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print a table, its first column left-aligned and the others right, and a note below."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # A file or a pipe has no width: nothing is cut there.
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    if _width(header, rows) <= console.width:
        console.print(table)
    else:
        # On a narrow terminal a table would lose digits.
        for first, *cells in rows:
            console.print(first)
            for name, cell in zip(header[1:], cells, strict=True):
                console.print(f"  {name}: {cell}", highlight=False)
    if note:
        console.print(printable(note), markup=False, highlight=False)


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the columns of a terminal that a table takes, with three between two cells."""
    from rich.text import Text

    columns = zip(header, *rows, strict=True)
    widths = [max(Text.from_markup(cell).cell_len for cell in column) for column in columns]
    return sum(widths) + 3 * len(widths)
