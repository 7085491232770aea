"""`hessweep watch`: a live page of a sweep."""

import sys
from typing import Annotated

import typer

from hessweep.cli.output import tell


def watch(
    target: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|RESULTS",
            help="The study file, or its results: a folder, or an address on an object store.",
        ),
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this machine; 0: a free one.")
    ] = 0,
    refresh: Annotated[
        float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")
    ] = 3.0,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in this machine's browser.")
    ] = False,
) -> None:
    """Show a live page of how far a sweep is; nothing is computed or changed.

    The page is for this machine alone, at an address that nobody can guess. It reads the results
    folder, so it works beside a run, on the login node of a cluster, and after the run. Ctrl-C
    ends it.
    """
    from hessweep.running.signals import stop_on_signals
    from hessweep.watching.notebook import target_of
    from hessweep.watching.server import WatchServer
    from hessweep.watching.watcher import Watcher

    watcher = Watcher(target_of(target), refresh)
    stop_on_signals()
    with WatchServer(watcher, port) as server:
        try:
            _say_where(server.address, server.server_port)
            if open_browser:
                _open(server.address)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            tell("stopped watching; a run that is going on does not notice")


def _say_where(address: str, port: int) -> None:
    sys.stdout.write(
        f"{address}\n"
        "Open this in a browser; Ctrl-C ends it. From another machine first\n"
        f"  ssh -L {port}:127.0.0.1:{port} THIS_MACHINE\n"
    )
    sys.stdout.flush()


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        tell("there is no browser to open here")
