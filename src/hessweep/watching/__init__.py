"""Watching: a live page of a sweep, and the same in a notebook, from the results folder alone."""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep.watching.notebook import Watch, watch
    from hessweep.watching.server import WatchServer
    from hessweep.watching.watcher import Watcher

_HOMES = {"Watch": "notebook", "WatchServer": "server", "Watcher": "watcher", "watch": "notebook"}
"""Public name -> the module that holds it."""

__all__ = ["Watch", "WatchServer", "Watcher", "watch"]

import_when_used(__name__, _HOMES)
