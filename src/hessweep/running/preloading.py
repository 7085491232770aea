"""One process that has imported what the jobs of a workflow need, and forks a process for each.

Many jobs take less time than their imports. So the workflow starts this process once, when there
is something to do (`start`). What only later jobs need is imported while no job comes. The script
of each job asks the process to run the script (`hand_over`), waits and ends as the script ended.
The forked process has the files, the folder and the environment of the script, and gets its
signals.

Where nothing answers, the script runs in its own process: without `start`, on another machine,
where the address space is limited, and on systems other than Linux, whose libraries do not all
bear a fork. The process ends with the one that started it, however that ends.
"""

import atexit
import contextlib
import gc
import importlib
import os
import pickle
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from threadpoolctl import threadpool_limits

from hessweep.running.capacity import is_address_space_limited
from hessweep.running.signals import STOPS

VARIABLE = "HESSWEEP_PRELOADED"
"""The environment variable that tells scripts the path of the socket."""

ACCEPTED = b"+"
"""What a script reads when its job has been taken on; from then on it sends signals."""

LOOK_EVERY = 0.02
"""Seconds from one look to the next at whether a job has ended."""


def start(python: str, first: Sequence[str], later: Sequence[str] = ()) -> None:
    """Start the process, for the jobs that this process and its children start from now on.

    Args:
        python: The path of the Python that is to import the modules.
        first: Names of the modules that the first jobs need; one that can not be imported is left
            to the job that needs it.
        later: Names of the modules that only later jobs need.
    """
    if sys.platform != "linux" or is_address_space_limited():
        return
    folder = tempfile.mkdtemp(prefix="hessweep-")  # of this user only
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = str(Path(folder) / "jobs")
    until_we_end, ours = os.pipe()  # ours is never written to; it is closed when we end
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(128)
        handed = [listening.fileno(), until_we_end]
        process = subprocess.Popen(  # noqa: S603 - Snakemake's own Python
            [python, "-m", __name__, *map(str, handed), folder, *map(" ".join, (first, later))],
            pass_fds=handed,
            stdin=subprocess.DEVNULL,
            # Threads do not survive a fork; `_run` makes those that a job asks for.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
    os.close(until_we_end)
    _kept.append((process, ours))
    os.environ[VARIABLE] = path


_kept: list[tuple["subprocess.Popen[bytes]", int]] = []
"""What stays open until this process ends."""


def hand_over(script: str, job: Any) -> int | None:
    """Run a script in a process that has its imports done, and wait for its end.

    Args:
        script: The script's path. It runs as `__main__` with `job` as its global `snakemake`.
        job: Snakemake's object.

    Returns:
        The exit status, 128 and the signal's number if a signal ended the process. None if there
        is no such process, and the caller has to run the script itself.
    """
    # What a job starts runs on its own.
    path = os.environ.pop(VARIABLE, None)
    if path is None:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            socket.send_fds(connection, [ACCEPTED], [0, 1, 2])
            request = {
                "script": script,
                "job": job,
                "folder": str(Path.cwd()),
                "environment": dict(os.environ),
                "search": sys.path,
            }
            with connection.makefile("wb") as stream:
                pickle.dump(request, stream)
            if connection.recv(1) != ACCEPTED:
                return None
        except OSError:
            return None
        for number in STOPS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda received, _: connection.send(bytes([received])))
        status = b""
        with contextlib.suppress(OSError):
            status = connection.recv(1)
    return status[0] if status else 128 + signal.SIGKILL


def _serve(
    listening: socket.socket, until_end: int, first: Sequence[str], later: Sequence[str]
) -> None:
    """Import modules, and fork for each connection until the process that started us ends."""
    _import(first)
    waiting = deque(later)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes of jobs
    waited_for: list[Any] = [listening, until_end]
    while True:
        ready = select.select(waited_for, [], [], 0 if waiting else None)[0]
        if until_end in ready:
            return
        if not ready:
            _import([waiting.popleft()])
            continue
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            with contextlib.suppress(OSError, EOFError, pickle.PickleError), connection:
                _attend(connection, until_end)
            os._exit(0)
        connection.close()


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    # So that the collector does not write to memory that all share, during a job and at its end,
    # where that would take half a second.
    gc.freeze()


def _attend(connection: socket.socket, until_end: int) -> None:
    """Fork the process of a job, and pass on its script's signals and its exit status."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    # Without a buffer: what comes after the request is a signal.
    with connection.makefile("rb", buffering=0) as stream:
        request = pickle.load(stream)  # noqa: S301 - the folder is open to this user only
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        connection.close()
        os.close(until_end)
        _run(files, **request)
    for file in files:
        os.close(file)
    connection.send(ACCEPTED)
    watched: list[Any] = [connection, until_end]
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        for ready in select.select(watched, [], [], LOOK_EVERY)[0]:
            number = connection.recv(1) if ready is connection else b""
            if not number:  # The script or the workflow has ended without a word.
                watched.remove(ready)
            os.kill(process, number[0] if number else signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    connection.send(bytes([status if status >= 0 else 128 - status]))


def _run(
    files: Sequence[int], script: str, job: Any, folder: str, environment: Any, search: list[str]
) -> NoReturn:
    """Become the process of a job, which ends as Python ends."""
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = search
    sys.argv = [script]
    tempfile.tempdir = None  # the environment may name another one
    threadpool_limits(job.threads, user_api="blas")
    try:
        runpy.run_path(script, {"snakemake": job}, "__main__")
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    sys.exit()


if __name__ == "__main__":
    _, socket_file, pipe, folder, *lists = sys.argv
    _serve(socket.socket(fileno=int(socket_file)), int(pipe), *(names.split() for names in lists))
    shutil.rmtree(folder, ignore_errors=True)
