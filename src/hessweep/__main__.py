"""Where the command `hessweep` and `python -m hessweep` start."""

import signal


def main() -> None:
    """Run the command. Ctrl-C while its modules are loaded ends it without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hessweep import cli

    signal.signal(signal.SIGINT, before)
    cli.main()


if __name__ == "__main__":
    main()
