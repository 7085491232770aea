"""`hessweep diff`: how two results differ."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from hessweep.cli.output import INCOMPLETE, AsJson, print_json, printable
from hessweep.errors import QueryError, StoreError

SHOWN = 20
"""Points that are listed of each sort, unless the output is JSON."""


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A results folder, its address, or a bundle.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    exactly: Annotated[
        bool, typer.Option("--exactly", help="Values must be the same to the bit, times aside.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which points of two results differ, and in what, beyond their stated errors.

    The exit code is 0 if none does and both have the same points, 1 otherwise, 2 if one of them
    can not be read.
    """
    from hessweep.sharing.comparison import compare
    from hessweep.units import show_count

    try:
        found = compare(first, second, exactly=exactly)
    except QueryError:
        raise
    except StoreError as error:
        # Exit code 1 would say that they were compared.
        raise QueryError(str(error)) from error
    if as_json:
        print_json(
            {
                "points": found.points,
                "same": found.same,
                "different": [
                    {"point": str(one.point), "key": one.point.key, "columns": one.columns}
                    for one in found.different
                ],
                "only_in_first": [str(point) for point in found.only_in_first],
                "only_in_second": [str(point) for point in found.only_in_second],
            }
        )
    else:
        how = "to the bit" if exactly else "within their stated errors"
        sys.stdout.write(f"{show_count(found.same, 'point')} the same {how}\n")
        lines = [f"{one.point}: {', '.join(one.columns)}" for one in found.different]
        _list("different", lines)
        _list(f"in {first} alone", [str(point) for point in found.only_in_first])
        _list(f"in {second} alone", [str(point) for point in found.only_in_second])
    if not found.is_same:
        raise typer.Exit(INCOMPLETE)


def _list(what: str, lines: Sequence[str]) -> None:
    """Print how many points there are of a sort, and the first of them."""
    from hessweep.units import show_count

    if not lines:
        return
    sys.stdout.write(printable(f"{show_count(len(lines), 'point')} {what}:\n"))
    for line in lines[:SHOWN]:
        sys.stdout.write(f"  {printable(line)}\n")
    if len(lines) > SHOWN:
        sys.stdout.write(f"  and {len(lines) - SHOWN:,} more, which --json names\n")
