"""The version of the package, which `pyproject.toml` states."""

from importlib.metadata import version

__version__ = version("hessweep")
