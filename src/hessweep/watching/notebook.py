"""The live page in a notebook: a picture of the state that is replaced as the sweep goes on."""

from html import escape
from pathlib import Path
from threading import Event, Thread
from typing import Any
from zipfile import is_zipfile

from hessweep.address import Address, Root, root_of
from hessweep.errors import InputError
from hessweep.outputs import load_study
from hessweep.study import Study
from hessweep.watching.page import frame
from hessweep.watching.watcher import Watcher

HEIGHT = 640
"""Of the picture, in pixels; what does not fit scrolls within it."""


class Watch:
    """What a study's results folder holds, as a notebook shows it.

    The picture is made by the notebook's own process and needs no connection to it, so that it
    works where the notebook runs on another machine, and stays in the saved notebook.
    """

    def __init__(self, watcher: Watcher) -> None:
        """Show nothing yet."""
        self._watcher = watcher
        self._stop = Event()
        self._thread: Thread | None = None

    def _repr_html_(self) -> str:
        """Return the state now, in a frame of its own so that no style is mixed."""
        page, _ = frame(self._watcher.name, self._watcher.now(), 0)
        # Without permissions the frame runs no script, whatever the results say.
        return (
            f'<iframe sandbox="" srcdoc="{escape(page)}" title="Watching" '
            f'style="width:100%;height:{HEIGHT}px;border:1px solid #8884;border-radius:4px">'
            "</iframe>"
        )

    def __repr__(self) -> str:
        """Return what it watches."""
        return f"<watching {self._watcher.root}>"

    @property
    def is_live(self) -> bool:
        """Whether the picture is being replaced."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Leave the picture as it is from now on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def live(self) -> "Watch":
        """Show the picture in the notebook's cell, and replace it until nothing is missing.

        Raises:
            InputError: If this is no notebook.
        """
        handle = _display(self)
        self._thread = Thread(target=self._update, args=(handle,), daemon=True)
        self._thread.start()
        return self

    def _update(self, handle: Any) -> None:
        while not self._watcher.is_complete and not self._stop.wait(self._watcher.refresh):
            handle.update(self)


def watch(target: Study | str | Path, refresh: float = 5.0) -> Watch:
    """Watch a study, or a results folder, in a notebook.

    As the last expression of a cell it shows what is there now; `watch(…).live()` shows it and
    replaces it while a sweep runs, until nothing is missing or `stop()` is called.

    Args:
        target: A study, the path of a study file, or that of a results folder.
        refresh: Seconds between two looks, at least.

    Raises:
        StudyError: If the study file can not be read.
        InputError: If there is no such file or folder, or `refresh` is not positive.
    """
    if not refresh > 0:
        raise InputError(f"refresh: expected a number of seconds above 0, got {refresh!r}")
    return Watch(Watcher(target_of(target), refresh))


def target_of(target: Study | str | Root) -> Study | Root:
    """Return the study, or the results, that are meant.

    Raises:
        StudyError: If the study file can not be read.
        InputError: If it is a folder without results, a bundle, or on another machine.
    """
    if isinstance(target, Study):
        return target
    path = root_of(target)
    if isinstance(path, Address):
        return path
    # A path has one of two slashes after a colon.
    if ":/" in str(target):
        raise InputError(f"{target}: expected a study file or a results folder of this machine")
    if path.is_file() and is_zipfile(path):
        raise InputError(
            f"{path}: a bundle does not change; `hessweep query` reads it, and its report shows it"
        )
    if not path.is_dir():
        return load_study(path)
    if not (path / "segments").is_dir():
        raise InputError(
            f"{path}: expected a study file, or the results folder of a study, found no "
            "`segments` in it; give the study to watch a sweep from its beginning"
        )
    return path


def _display(shown: Watch) -> Any:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        raise InputError("live: expected a notebook; `hessweep watch` shows the page elsewhere")
    return display(shown, display_id=True)
