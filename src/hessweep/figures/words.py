"""Numbers as captions write them."""

from collections.abc import Iterable
from typing import Any


def listed(values: Iterable[object]) -> str:
    """Return `5, 10 and 20` for these three values; each value once, in order."""
    words = list(dict.fromkeys(str(value) for value in values))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(counts: Iterable[Any]) -> str:
    """Return `50`, or `20 to 50` where numbers, or equally long words for them, differ."""
    few, many = min(counts := list(counts)), max(counts)
    return f"{few}" if few == many else f"{few} to {many}"
