"""Whether a script that starts a run has a main guard, which Python's processes need."""

import multiprocessing

ADVICE = (
    "a script that starts a run needs a main guard, since each worker process imports the script: "
    "put the call below `if __name__ == '__main__':`"
)


def check_main_guard() -> None:
    """End this process if it is a worker that only imports the script which starts the run.

    The worker would otherwise wait for the run that waits for the worker. The process that runs
    the script gets an error from its cluster, and tells the user.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)
