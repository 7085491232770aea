"""Numbers and lists as captions write them."""

from collections.abc import Iterable
from typing import Any


def listing(values: Iterable[object]) -> str:
    """Return `5, 10 and 20` for these three values; equal values are named once."""
    words = list(dict.fromkeys(str(value) for value in values))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def span(values: Iterable[Any]) -> str:
    """Return `50` if all values are equal, otherwise `20 to 50`, from smallest to largest.

    Texts are compared as texts, so numbers that have been formatted need the same length.
    """
    smallest, largest = min(values := list(values)), max(values)
    return f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
