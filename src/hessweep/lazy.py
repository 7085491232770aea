"""Packages whose public names are imported when they are first used."""

import importlib
import sys
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any


def import_when_used(
    package: str, homes: Mapping[str, str], modules: Collection[str] = ()
) -> None:
    """Make a package import its public names when they are first used.

    Where a function has the name of its module, the package shows the function: importing the
    submodule would otherwise bind the module there.

    Args:
        package: Its `__name__`.
        homes: Public function or class -> the module of the package that holds it.
        modules: Public modules of the package.
    """

    class Package(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            if not (name in homes and isinstance(value, ModuleType)):
                super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Any:
            if name in modules:
                return importlib.import_module(f"{package}.{name}")
            if name not in homes:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
            setattr(self, name, value)
            return value

        def __dir__(self) -> list[str]:
            return sorted({*super().__dir__(), *homes, *modules})

    sys.modules[package].__class__ = Package
