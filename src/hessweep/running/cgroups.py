"""The memory limits of Linux's control groups, by which SLURM and containers limit a job.

A process is in one group of a tree, and the limits of all groups from there to the root apply to
it. There are two versions of the file system that shows them, and a machine may mount both.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

LIMITS = {
    "cgroup": ("memory.limit_in_bytes",),
    "cgroup2": ("memory.max", "memory.high"),
}
"""The files that hold limits, by the type of the file system: versions 1 and 2."""


def cgroup_memory_limit(proc: Path = Path("/proc/self"), root: Path = Path("/")) -> int | None:
    """Return the smallest limit, in bytes, of a process's group and all groups above it.

    Args:
        proc: The folder of the process in `/proc`.
        root: The folder below which mount points are looked for.

    Returns:
        The limit, or None where there is none, as on systems without control groups.
    """
    try:
        groups = (proc / "cgroup").read_text(encoding="utf-8", errors="replace")
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return min(
        (
            limit
            for kind, mount, folder in _memory_groups(groups, mounts)
            for level in (folder, *folder.parents)
            for name in LIMITS[kind]
            if (limit := _read(root / mount / level / name)) is not None
        ),
        default=None,
    )


def _memory_groups(groups: str, mounts: str) -> Iterator[tuple[str, PurePosixPath, PurePosixPath]]:
    """Yield where memory is limited: file system type, mount point, and the group below it.

    Both paths are relative.

    Args:
        groups: The content of `/proc/PID/cgroup`.
        mounts: The content of `/proc/PID/mountinfo`.
    """
    paths: dict[str, PurePosixPath] = {}
    for line in groups.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            paths["cgroup2"] = PurePosixPath(path)
        elif "memory" in controllers.split(","):
            paths["cgroup"] = PurePosixPath(path)
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        kind, _, options = source.partition(" ")
        fields = place.split(" ")
        if kind not in paths or (kind == "cgroup" and "memory" not in _options(options)):
            continue
        mounted, mount = (PurePosixPath(_unescape(field)) for field in fields[3:5])
        # A container may see a part of the tree only, with its own group at the mount point.
        below = paths[kind].is_relative_to(mounted)
        folder = paths[kind].relative_to(mounted) if below else PurePosixPath()
        yield kind, mount.relative_to("/"), folder


def _options(text: str) -> list[str]:
    """Return the options of a mounted file system, which follow the name of its source."""
    return text.rpartition(" ")[2].split(",")


def _unescape(path: str) -> str:
    """Return a path of mountinfo, where white space is written as octal numbers."""
    return path.replace(r"\040", " ").replace(r"\011", "\t").replace(r"\012", "\n")


def _read(path: Path) -> int | None:
    """Return a limit; None where the file does not exist or says `max`."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
