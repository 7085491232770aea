"""Sizes, durations and numbers of things as people read them."""


def show_bytes(size: float) -> str:
    """Return a size for people, such as `1.4 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} PB"


def show_seconds(seconds: float) -> str:
    """Return a duration for people, such as `4 min` or `30 ms`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"


def show_number(number: int) -> str:
    """Return a whole number, such as `2,000`."""
    return f"{number:,}"


def show_count(number: int, noun: str) -> str:
    """Return a number of things, such as `1 point` or `2,000 points`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
