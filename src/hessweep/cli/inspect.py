"""`hessweep publish`, `query`, `verify` and `repair`: commands on a results folder."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hessweep.address import Address, Root, is_object_store, root_of
from hessweep.cli.formats import Format
from hessweep.cli.output import INCOMPLETE, AsJson, print_json, printable, tell
from hessweep.errors import QueryError

Results = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS",
        help="The results folder of a study, or its address on an object store, s3://….",
    ),
]
Readable = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS",
        help="The results folder of a study, a bundle that `export` wrote, or the address of "
        "results, s3://… or https://….",
    ),
]
ResultsOrBundle = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS",
        help="The results folder of a study, its address on an object store, s3://…, or a bundle "
        "that `export` wrote.",
    ),
]


def complete_columns(incomplete: str) -> list[str]:
    """Return how the last word may go on, if it is the beginning of a column's name."""
    from hessweep.store import TABLE_COLUMNS

    word = re.split(r"\W", incomplete)[-1]
    before = incomplete.removesuffix(word)
    return [before + name for name in TABLE_COLUMNS if name.startswith(word)]


def publish(results: Results) -> None:
    """Bring the published store up to date; `run` does it too."""
    from hessweep.store import publish as publish_results

    changed = publish_results(existing(results))
    sys.stdout.write(f"{'published' if changed else 'nothing new to publish'} in {results}\n")


def query(
    results: Readable,
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
            help="Which columns, separated by commas, or `all`. If not given, a table has those "
            "that are asked for most, and other formats have all.",
            autocompletion=complete_columns,
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="A file to write to, instead of the terminal.")
    ] = None,
    show_groups: Annotated[
        bool,
        typer.Option(
            "--groups", help="Print where each published group is, for xarray.open_zarr, instead."
        ),
    ] = False,
) -> None:
    """Print rows of the table of points."""
    from hessweep.cli.rows import columns_to_read, format_rows, terminal_rows, without_usual
    from hessweep.store.opening import group_addresses, open_groups
    from hessweep.store.rows import select_columns

    if show_groups:
        for name, address in group_addresses(results).items():
            sys.stdout.write(f"{printable(name)}: {printable(address)}\n")
        return
    on_terminal = output is None and sys.stdout.isatty()
    if form is Format.PARQUET and on_terminal:
        raise QueryError("Parquet is not for a terminal: name a file with --output, or use a pipe")
    groups = open_groups(results)
    rows = select_columns(groups, where, columns_to_read(columns, form))
    count = len(next(iter(rows.values())))
    if not count:
        activations = ", ".join(str(group.attrs["activation"]) for group in groups)
        tell(f"no point of {results} fulfils this; its activations are {activations}")
    if form is Format.TABLE and not columns:
        rows = without_usual(rows)
    most = terminal_rows() if on_terminal and form is Format.TABLE else count
    content = format_rows({name: values[:most] for name, values in rows.items()}, form)
    if output is None:
        _write_out(content, form)
        if most < count:
            sys.stdout.write(
                f"{most:,} of {count:,} rows; a pipe, such as `| less`, or --output gets all, "
                "and --columns all shows every column\n"
            )
        return
    from hessweep.store.files import accessing

    with accessing(output, "write"):
        output.write_bytes(content)


def _write_out(content: bytes, form: Format) -> None:
    """Write rows to the standard output: a table in the encoding of the terminal."""
    if form is Format.TABLE:
        sys.stdout.write(content.decode())
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def verify(
    results: ResultsOrBundle,
    sample: Annotated[int, typer.Option(min=0, help="How many points to compute again.")] = 20,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY",
            help="A study whose own activations and files may be used to recompute points.",
        ),
    ] = None,
    repair_first: Annotated[
        bool, typer.Option("--repair", help="Do first what `hessweep repair` does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every stored byte and key, and recompute a sample.

    No code that the results name is run.
    """
    from hessweep.units import show_bytes, show_count

    own = {} if study is None else _own(study)
    if repair_first:
        _repair(results, quiet=as_json)
    if not is_object_store(results) and Path(results).is_file():
        from hessweep.sharing.bundle_verification import verify_bundle

        found = verify_bundle(Path(results), sample=sample, **own)
    else:
        from hessweep.running import verify as verify_results

        found = verify_results(existing(results), sample=sample, **own)
    problems = [f"{problem.kind}: {problem.path}: {problem.message}" for problem in found.problems]
    if as_json:
        counts = ("segments", "points", "bytes", "recomputed", "skipped")
        told = {name: getattr(found, name) for name in (*counts, "skipped_because")}
        print_json(told | {"problems": problems})
    else:
        sys.stdout.write(
            f"{show_count(found.points, 'point')} in {show_count(found.segments, 'segment')}, "
            f"{show_bytes(found.bytes)}; {found.recomputed:,} computed again, "
            f"{found.skipped:,} skipped, {show_count(len(problems), 'problem')}\n"
        )
        for reason, count in found.skipped_because.items():
            sys.stdout.write(f"{show_count(count, 'point')} skipped: {reason}\n")
        for problem in problems:
            sys.stdout.write(f"{printable(problem)}\n")
    if problems:
        raise typer.Exit(INCOMPLETE)


def repair(results: Results) -> None:
    """Move damaged segments aside and publish the rest anew.

    `run` then computes what is gone.
    """
    _repair(results)


def _repair(results: str, *, quiet: bool = False) -> None:
    from hessweep.store import repair as repair_results
    from hessweep.units import show_count

    done = repair_results(existing(results))
    if quiet:
        return
    sys.stdout.write(
        f"{show_count(len(done.moved), 'segment')} moved aside, "
        f"{'published anew' if done.published else 'nothing to publish'}\n"
    )
    for path in done.moved:
        sys.stdout.write(f"{path}\n")


def _own(study: Path) -> dict[str, Any]:
    """Return the activations and the files of arrays that a study names."""
    from hessweep.outputs import load_study

    sweeps = load_study(study).sweeps.values()
    return {
        "activations": {activation for sweep in sweeps for activation in sweep.activation},
        "files": [file for sweep in sweeps for file in sweep.files],
    }


def existing(results: str) -> Root:
    """Return a results folder, or the address of results on an object store.

    Raises:
        QueryError: If it is none.
        StoreAccessError: If the store can not be asked.
    """
    from hessweep.store.segments import FOLDER, list_segments

    root = root_of(results)
    if isinstance(root, Address):
        if list_segments(root):
            return root
        found = "no segments there"
    elif (root / FOLDER).is_dir():
        return root
    elif root.is_file():
        found = "a file; a bundle is unpacked before it is written to"
    else:
        found = "no `segments` in it" if root.is_dir() else "no such folder"
    raise QueryError(
        f"{results}: expected the results folder of a study, found {found}; "
        "`hessweep run` computes a study and stores it"
    )
