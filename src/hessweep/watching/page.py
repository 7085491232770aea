"""The live page: its frame, which stays, and its content, which is replaced every few seconds."""

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hessweep.report.page import content_policy, symbols
from hessweep.version import __version__

EMPTY: dict[str, Any] = {
    "state": ("failed", ""), "lead": "", "tiles": [], "counts": None, "sweeps": [], "charts": [],
    "more_charts": 0, "ranks": [], "errors": [], "more_errors": 0, "damaged": [],
    "damaged_count": "", "reading": "", "root": "", "time": "",
}  # fmt: skip
"""The variables of the content where there is nothing to show but a problem."""


def fragment(**shown: Any) -> str:
    """Return the content of the page as HTML; every text is escaped."""
    return _environment().get_template("now.html.j2").render(**(EMPTY | shown))


def frame(name: str, content: str, refresh: float) -> tuple[str, str]:
    """Return the page around the content, and the content security policy that it needs.

    Args:
        name: What is watched.
        content: From `fragment`.
        refresh: After how many seconds the page asks for the next one; 0 if it never does.
    """
    scripts = [_report("page.js"), _own("watch.js")] if refresh else []
    page = (
        _environment()
        .get_template("frame.html.j2")
        .render(
            name=name,
            content=content,
            refresh=refresh,
            style=_report("page.css") + _own("watch.css"),
            scripts=scripts,
            version=__version__,
        )
    )
    policy = content_policy([script.encode() for script in scripts])
    return page, f"{policy}; connect-src 'self'" if refresh else policy


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hessweep.watching", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["symbols"] = symbols
    return environment


def _own(name: str) -> str:
    return resources.files("hessweep.watching").joinpath(name).read_text(encoding="utf-8")


def _report(name: str) -> str:
    return resources.files("hessweep.report").joinpath(name).read_text(encoding="utf-8")
