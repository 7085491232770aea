"""The command `hessweep`.

Only here do errors become exit codes: 0 all done, 1 points failed or missing, 2 bad input. What
a command needs is imported when it runs, so that `hessweep --help` answers at once.
"""

import gc
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from hessweep.cli import inspect, share, study
from hessweep.cli.diff import diff
from hessweep.cli.make import make
from hessweep.cli.output import INCOMPLETE, tell
from hessweep.cli.plan import plan
from hessweep.cli.streams import standard_streams
from hessweep.cli.watch import watch
from hessweep.errors import HessweepError, InputError
from hessweep.running.capacity import address_space_note, fit_address_space

BAD_INPUT = 2

COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    make: ("make config/tiny.yaml", "make mine.yaml -- --dry-run", "make mine.yaml -- tables"),
    plan: ("plan config/tiny.yaml", "plan mine.yaml --workers 8 --json"),
    study.run: ("run config/tiny.yaml", "run mine.yaml --cluster tcp://10.0.0.1:8786"),
    study.status: ("status config/tiny.yaml",),
    watch: ("watch config/tiny.yaml", "watch results/tiny --port 8765"),
    study.report: ("report config/tiny.yaml",),
    study.schema: ("schema > study.schema.json",),
    inspect.publish: ("publish results/tiny",),
    inspect.query: (
        "query results/tiny",
        "query results/tiny \"activation == 'erf' and N_i == 4\" --columns seed,rank,lambda_min",
        'query results/tiny "rank != effective_parameters" --format csv --output rows.csv',
    ),
    inspect.verify: ("verify results/tiny", "verify results/tiny --sample 100"),
    inspect.repair: ("repair results/tiny",),
    share.export: (
        "export results/tiny tiny.zip --study config/tiny.yaml",
        'export results/tiny tiny.zip --author "Lovelace, Ada" --license CC-BY-4.0',
    ),
    diff: ("diff results/tiny tiny.zip", "diff results/mine results/theirs --json"),
}
"""Each command, and how it is called."""

app = typer.Typer(
    help="Hessian spectra and proved ranks of two-layer networks, from one study file.",
    epilog="Exit codes: 0 all done, 1 points failed or missing, 2 bad input. "
    "`hessweep COMMAND --help` shows examples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        from hessweep import __version__

        sys.stdout.write(f"hessweep {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that come before a command, and prepare for any of them."""
    fit_address_space()


for _command, _examples in COMMANDS.items():
    # The \\b keeps lines as they are.
    _lines = "\n".join(f"  hessweep {example}" for example in _examples)
    app.command(epilog=f"\b\nExamples:\n{_lines}")(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command, and exit with its code; no traceback for anything that a user can cause."""
    # The objects of a large study stay. To search them for cycles each time that 700 more were
    # made would take a third of the time of making them.
    gc.set_threshold(100_000)
    warnings.showwarning = _show_warning
    with standard_streams():
        try:
            app(arguments)
        except HessweepError as error:
            tell(str(error))
            sys.exit(BAD_INPUT if isinstance(error, InputError) else INCOMPLETE)
        # What libraries raise where the address space of a process is limited.
        except (MemoryError, ImportError, RuntimeError, SystemError) as error:
            note = address_space_note()
            if not note and not isinstance(error, MemoryError):
                raise
            tell(f"there is not enough memory ({type(error).__name__}: {error}){note}")
            sys.stdout.flush()
            os._exit(INCOMPLETE)  # What libraries do at the end of a process would fail again.


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {message}")
