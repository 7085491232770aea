"""`hessweep publish`, `query`, `verify` and `repair`: commands on a results folder."""

import json
import re
import sys
from enum import StrEnum
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hessweep.cli.output import INCOMPLETE, AsJson, print_json, tell
from hessweep.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="The results folder of a study.")]


def complete_columns(incomplete: str) -> list[str]:
    """Return how the last word may go on, if it is the beginning of a column's name."""
    from hessweep.store import TABLE_COLUMNS

    word = re.split(r"\W", incomplete)[-1]
    before = incomplete.removesuffix(word)
    return [before + name for name in TABLE_COLUMNS if name.startswith(word)]


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def publish(results: Results) -> None:
    """Bring the published store up to date; `run` does it too."""
    from hessweep.store import publish as publish_results

    changed = publish_results(_existing(results))
    sys.stdout.write(f"{'published' if changed else 'nothing new to publish'} in {results}\n")


def query(
    results: Results,
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPR",
            help="Which points, such as \"activation == 'erf' and N_i == N_h\"; all if not given.",
            autocompletion=complete_columns,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Which columns, separated by commas; all if not given.",
            autocompletion=complete_columns,
        ),
    ] = None,
    written: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="A file to write to, instead of the terminal.")
    ] = None,
) -> None:
    """Print rows of the table of points."""
    from hessweep.store import open_results, table

    if written is Format.PARQUET and output is None and sys.stdout.isatty():
        raise QueryError("Parquet is not for a terminal: name a file with --output, or use a pipe")
    names = [name.strip() for name in columns.split(",")] if columns else None
    opened = open_results(results)
    rows = table(opened, where, names)
    if rows.empty:
        activations = ", ".join(str(node.attrs["activation"]) for node in opened.leaves)
        tell(f"no point of {results} is like that; its activations are {activations}")
    content = _write(rows, written)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    from hessweep.store.files import accessing

    with accessing(output, "write"):
        output.write_bytes(content)


def verify(
    results: Results,
    sample: Annotated[int, typer.Option(min=0, help="How many points to compute again.")] = 20,
    repair_first: Annotated[
        bool, typer.Option("--repair", help="Do first what `hessweep repair` does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every stored byte and key, and recompute a sample."""
    from hessweep.cost import show_bytes
    from hessweep.store import verify as verify_results

    if repair_first:
        _repair(results, quiet=as_json)
    found = verify_results(_existing(results), sample=sample)
    problems = [f"{problem.kind}: {problem.path}: {problem.message}" for problem in found.problems]
    if as_json:
        counts = ("segments", "points", "bytes", "recomputed", "skipped")
        print_json({name: getattr(found, name) for name in counts} | {"problems": problems})
    else:
        sys.stdout.write(
            f"{found.points:,} points in {found.segments:,} segments, {show_bytes(found.bytes)}; "
            f"{found.recomputed:,} computed again, {len(problems):,} problems\n"
        )
        for problem in problems:
            sys.stdout.write(f"{problem}\n")
    if problems:
        raise typer.Exit(INCOMPLETE)


def repair(results: Results) -> None:
    """Move damaged segments aside and publish the rest anew.

    `run` then computes what is gone.
    """
    _repair(results)


def _repair(results: Path, *, quiet: bool = False) -> None:
    from hessweep.store import repair as repair_results

    done = repair_results(_existing(results))
    if quiet:
        return
    sys.stdout.write(
        f"{len(done.moved):,} segments moved aside, "
        f"{'published anew' if done.published else 'nothing to publish'}\n"
    )
    for path in done.moved:
        sys.stdout.write(f"{path}\n")


def _existing(results: Path) -> Path:
    if not results.is_dir():
        raise QueryError(f"{results}: expected the results folder of a study, and it is not there")
    return results


def _write(rows: "pd.DataFrame", written: Format) -> bytes:
    match written:
        case Format.TABLE:
            text = rows.to_string(index=False) if len(rows) else "no rows"
            return f"{text}\n".encode()
        case Format.CSV:
            return rows.to_csv(index=False).encode()
        case Format.JSON:
            # pandas' own writer rounds to 15 digits; JSON has no word for nan and infinity.
            finite = rows.astype(object).where(~rows.isin([nan, inf, -inf]), None)
            lines = [json.dumps(record) for record in finite.to_dict("records")]
            return ("[" + ",\n".join(lines) + "]\n").encode()
        case Format.PARQUET:
            return rows.to_parquet(index=False)
