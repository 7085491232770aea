"""The command `hessweep`.

Only here do errors become exit codes: 0 all done, 1 points failed or missing, 2 bad input. What
a command needs is imported when it runs, so that `hessweep --help` answers at once.
"""

import sys
import warnings
from typing import Any

import typer

from hessweep.cli import inspect, study
from hessweep.cli.output import INCOMPLETE, tell
from hessweep.errors import HessweepError, InputError

BAD_INPUT = 2

app = typer.Typer(
    help="Hessian spectra and proved ranks of two-layer networks, from one study file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(study.plan)
app.command()(study.run)
app.command()(study.status)
app.command()(study.report)
app.command()(inspect.publish)
app.command()(inspect.query)
app.command()(inspect.verify)
app.command()(inspect.repair)


def main(arguments: list[str] | None = None) -> None:
    """Run the command, and exit with its code; no traceback for anything that a user can cause."""
    warnings.showwarning = _show_warning
    try:
        app(arguments)
    except HessweepError as error:
        tell(str(error))
        sys.exit(BAD_INPUT if isinstance(error, InputError) else INCOMPLETE)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {message}")
