"""Figures of the paper and beyond it: the kinds that a study may ask for, and how to make them.

Each module of a figure has three functions: `data` takes results of the store and returns tables,
`plot` takes the tables and returns a matplotlib Figure, and `caption` takes the tables and returns
the text below the figure. The parameters of `data` are the options that a study may set.
"""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep.figures.kinds import FIGURES, FigureKind, figure_kind, make
    from hessweep.figures.save import SUFFIXES, Tables, save
    from hessweep.figures.without_data import make_without_data

_HOMES = {
    "FIGURES": "kinds",
    "SUFFIXES": "save",
    "FigureKind": "kinds",
    "Tables": "save",
    "figure_kind": "kinds",
    "make": "kinds",
    "make_without_data": "without_data",
    "save": "save",
}
"""Public name -> the module that holds it."""

__all__ = [
    "FIGURES",
    "SUFFIXES",
    "FigureKind",
    "Tables",
    "figure_kind",
    "make",
    "make_without_data",
    "save",
]

import_when_used(__name__, _HOMES)
