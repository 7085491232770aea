"""A study file's text as plain data: the part of YAML that a study needs, and nothing that bites.

Refused, each with its line: keys given twice (YAML keeps the last silently), aliases (a few lines
can unfold to gigabytes), tags, deep nesting, and whole numbers of hundreds of digits.
"""

from pathlib import Path
from typing import Any, TextIO

import yaml

from hessweep.errors import StudyError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML built without libyaml: the same, slower
    from yaml import SafeLoader  # type: ignore[assignment]

MAX_BYTES = 10_000_000
MAX_DEPTH = 20
MAX_DIGITS = 400
"""Of a whole number: more is slow to read, and more than a float can be."""


class _Loader(SafeLoader):
    """The safe loader, without silent duplicates."""

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


def read_document(path: Path) -> Any:
    """Return what the YAML file holds, as dicts, lists, numbers and text.

    Raises:
        StudyError: If the file can not be read, is not YAML, or uses more of it than a study
            needs.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise StudyError(f"{path}: expected a study file of at most {MAX_BYTES:,} bytes")
        with path.open(encoding="utf-8") as stream:
            _check_events(stream)
            stream.seek(0)
            return yaml.load(stream, _Loader)  # noqa: S506 - a subclass of the safe loader
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


def _check_events(stream: TextIO) -> None:
    # On events, before anything is built: building is what an alias bomb makes expensive.
    depth = 0
    for event in yaml.parse(stream, SafeLoader):
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
