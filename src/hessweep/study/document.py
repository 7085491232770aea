"""The text of a study file as plain data: the part of YAML that a study needs.

Numbers are read as people write them: `1e-3` is a number, and a number that YAML 1.1 would read in
another base (`010` as 8, `1:4` as 64, `0x10` as 16) is refused. Also refused, each with its line:
keys that are given twice (YAML silently keeps the last), aliases (a few lines can unfold to
gigabytes), tags, deep nesting, and whole numbers of hundreds of digits.
"""

import os
import re
import select
import stat
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from hessweep.errors import StudyError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML built without libyaml: the same, slower
    from yaml import SafeLoader  # type: ignore[assignment]

MAX_BYTES = 10_000_000
MAX_DEPTH = 20
PIPE_SECONDS = 20
MAX_DIGITS = 400
"""Digits of a whole number: more are slow to read and exceed the range of floats."""

_BASES = {
    re.compile(r"[-+]?0[0-9_]+"): "leading zeros, which YAML reads in base 8",
    re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"): "colons, which YAML reads in "
    "base 60; a range is written 1..4, a text goes in quotes",
    re.compile(r"[-+]?0(x[0-9a-fA-F_]+|b[01_]+|o[0-7_]+)"): "a prefix for another base",
}
"""Unquoted texts that YAML 1.1 reads as numbers in another base, and what is wrong with each."""

_EXPONENT = re.compile(r"[-+]?([0-9][0-9_]*|[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+")
"""Floats with an exponent; YAML 1.1 reads them as text unless they have a point and a sign."""


class _Loader(SafeLoader):
    """The safe loader, with numbers in base 10 only and without silent duplicates."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            try:
                duplicate = key in seen
            except TypeError:
                raise _refusal(key_node.start_mark, "a key must be a name or a number") from None
            if duplicate:
                raise _refusal(key_node.start_mark, f"the key {key!r} is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_short_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise _refusal(node.start_mark, f"a whole number of more than {MAX_DIGITS} digits")
        return int(self.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_short_int)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def read_document(path: Path) -> Any:
    """Return what the YAML file holds, as dicts, lists, numbers and text.

    Raises:
        StudyError: If the file can not be read, is not YAML, or uses more of it than a study
            needs.
    """
    try:
        text = _read_text(path)
        _check_events(text)
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        raise StudyError(f"{path}: {_position(error)}{error.problem or error.context}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: expected UTF-8 text; {error}") from None
    except OSError as error:
        raise StudyError(f"{path}: can not read the study file: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _read_text(path: Path) -> str:
    """Return the text of a file, or of a pipe such as the shell's `<(cat study.yaml)`.

    Raises:
        StudyError: If it is another kind of file, or too long.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise StudyError(f"{path}: expected a study file, got a folder or a device")
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123
        content = _read_pipe(path, stream) if stat.S_ISFIFO(mode) else stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise StudyError(f"{path}: expected a study file of at most {MAX_BYTES:,} bytes")
    return content.decode("utf-8")


def _read_pipe(path: Path, stream: BinaryIO) -> bytes:
    """Return what is written to a pipe until its writer closes it, unless the writer pauses."""
    content = b""
    while len(content) <= MAX_BYTES:
        if not select.select([stream], [], [], PIPE_SECONDS)[0]:
            raise StudyError(f"{path}: nothing was written to this pipe in {PIPE_SECONDS} s")
        part = os.read(stream.fileno(), 2**20)
        if not part:
            break
        content += part
    return content


def _check_events(text: str) -> None:
    # Events are checked before anything is built, because building is what makes an alias bomb
    # expensive.
    depth = 0
    for event in yaml.parse(text, SafeLoader):
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            for pattern, problem in _BASES.items():
                if pattern.fullmatch(event.value):
                    raise _refusal(
                        event.start_mark,
                        f"{event.value[:MAX_DIGITS]}: expected a number in base 10, got {problem}",
                    )
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(event.start_mark, "aliases (*name) are not allowed; write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refusal(event.start_mark, f"tags are not allowed, got {tag}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _refusal(event.start_mark, f"nested more than {MAX_DEPTH} deep")


def _refusal(mark: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _position(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
