"""Paths of files and folders, as a study writes them."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from hessweep.address import Address, Root, address_of, is_object_store
from hessweep.study.messages import quote

LONGEST_NAME, LONGEST_PATH = 255, 2000
"""In bytes: what Linux takes, and half of it, since there are folders above and files below."""

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def read_path(value: Any) -> Path:
    """Return the path that a text names, with `~` and environment variables expanded.

    Raises:
        ValueError: If it is no path, names an environment variable that is not set or a user that
            does not exist, or contains braces.
    """
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value or "://" in value:
        raise ValueError(f"expected the path of a file or folder, got {quote(value)}")
    path = expand(value)
    if set("{}") & set(path):
        raise ValueError(
            f"expected a path without braces, got {quote(value)}: Snakemake would read them as a "
            "wildcard; an environment variable is written $NAME or ${NAME}"
        )
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(
            f"expected a path in the letters of this locale ({sys.getfilesystemencoding()}), got "
            f"{quote(value)}; a locale such as C.UTF-8 has all letters"
        ) from None
    sizes = [len(name.encode(errors="replace")) for name in path.split("/")]
    if max(sizes) > LONGEST_NAME or sum(sizes) > LONGEST_PATH:
        raise ValueError(
            f"expected a path with names of at most {LONGEST_NAME} bytes and {LONGEST_PATH} in "
            f"all, which file systems can hold, got {quote(value)}"
        )
    return Path(path)


def expand(text: str) -> str:
    """Return a path with `~`, `~user`, `$NAME` and `${NAME}` expanded, as a shell does.

    Raises:
        ValueError: If an environment variable is not set or is empty, or a user does not exist.
    """
    path = os.path.expanduser(text)  # noqa: PTH111  # Path.expanduser has no words for the user
    if path.startswith("~"):
        raise ValueError(f"{quote(text)}: there is no user {path.split('/')[0][1:]!r} here")
    return _VARIABLE.sub(lambda match: _variable(match[1] or match[2], text), path)


def _variable(name: str, text: str) -> str:
    # An empty variable would turn $SCRATCH/results into a folder below the root.
    if value := os.environ.get(name):
        return value
    raise ValueError(f"{quote(text)}: the environment variable {name} is not set")


def read_results(value: Any) -> Root:
    """Return the folder, or the address on an object store, that a text names.

    Environment variables are expanded in both.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, Address):
        return value
    if isinstance(value, str) and is_object_store(value):
        return address_of(expand(value))
    return read_path(value)


PlainPath = Annotated[Path, PlainValidator(read_path), WithJsonSchema({"type": "string"})]

PlainRoot = Annotated[
    Root,
    PlainValidator(read_results),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]
