"""Figures of a user's own, beside the study: a Python file with `data`, `plot` and `caption`."""

import ast
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from hessweep.errors import HessweepError, StudyError
from hessweep.figures.kinds import FigureKind

FUNCTIONS = ("data", "plot", "caption")


@dataclass(frozen=True)
class OwnFigure(FigureKind):
    """A kind of figure that a user's file defines. The file is run only to make the figure."""

    @cached_property
    def module(self) -> ModuleType:
        """The file, run as a module.

        Raises:
            StudyError: If it can not be run.
        """
        module = ModuleType(f"hessweep_figure_{Path(self.file).stem}")
        module.__file__ = self.file
        try:
            code = compile(self._source(), self.file, "exec")
            exec(code, module.__dict__)  # noqa: S102  the user's own file
        except (Exception, SystemExit) as error:
            found = f"{type(error).__name__}: {error}"
            raise StudyError(
                f"{self.file}: expected a Python file that runs, got {found}"
            ) from error
        return module

    @property
    def data(self) -> Callable[..., Any]:
        """The file's `data`."""
        return self._function("data")

    @property
    def plot(self) -> Callable[..., Any]:
        """The file's `plot`."""
        return self._function("plot")

    @property
    def caption(self) -> Callable[..., Any]:
        """The file's `caption`."""
        return self._function("caption")

    def _function(self, name: str) -> Callable[..., Any]:
        """Return a function of the file, what goes wrong in it being an error of the study."""
        function = getattr(self.module, name)

        @wraps(function)
        def told(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            except HessweepError:
                raise
            except Exception as error:
                line = traceback.extract_tb(error.__traceback__)[-1]
                where = f"line {line.lineno}" if line.filename == self.file else line.name
                raise StudyError(
                    f"{self.file}: {name} failed with {type(error).__name__}: {error} ({where})"
                ) from error

        return told

    def _source(self) -> str:
        try:
            return Path(self.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StudyError(
                f"{self.file}: expected a readable Python file, got: {reason}"
            ) from None


def own_figure(name: str, file: str) -> OwnFigure:
    """Return the kind of figure that a file defines, without running it.

    Raises:
        StudyError: If it can not be read, is not Python, or lacks one of the three functions.
    """
    kind = OwnFigure(name, file)
    try:
        tree = ast.parse(kind._source())
    except (SyntaxError, ValueError) as error:
        raise StudyError(f"{file}: expected Python, got {type(error).__name__}: {error}") from None
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if missing := [name for name in FUNCTIONS if name not in defined]:
        raise StudyError(
            f"{file}: a figure is three functions, data(results, ...), plot(tables) and "
            f"caption(tables); missing: {', '.join(missing)}"
        )
    return kind
