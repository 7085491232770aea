"""The documentation's pages: their code blocks, and how a reader would run them."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hessweep.cli import main

DOCS = Path(__file__).parents[2] / "docs"

_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


_PLAIN = {r"\lambda": "λ", r"\dots": "…", r"\varepsilon": "ε", r"{\min}": "min", r"{\max}": "max"}


@dataclass(frozen=True)
class Block:
    """One code block."""

    language: str
    title: str
    text: str


def plain(text: str) -> str:
    """Return a page's text with the symbols of its simple formulas as letters, such as λ_min."""
    for tex, letters in _PLAIN.items():
        text = text.replace(tex, letters)
    text = re.sub(r"\^(\d)", lambda found: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(found[1])], text)
    return text.replace("$", "").replace("×", "x")


def blocks(page: str) -> Iterator[Block]:
    """Yield the code blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for language, title, content in _FENCE.findall(text):
        yield Block(language, title, content)


def follow(page: str) -> dict[str, Any]:
    """Do what the page says, in the current folder, and return the variables that it leaves.

    Blocks with a title are files to write; lines that begin with `$` are commands; Python blocks
    share their variables. Blocks of `sh` (installing) are left to the reader.
    """
    variables: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for line in block.text.splitlines():
                command(line)
        elif block.language == "python":
            exec(compile(block.text, page, "exec"), variables)  # noqa: S102 - our own docs
    return variables


def printed(page: str) -> list[tuple[str, str]]:
    """Do what the page says, and return for each Python block what it printed and what it shows.

    What a block prints stands in a block of language `text` right below it.
    """
    found = list(blocks(page))
    stated = [
        following.text if following is not None and following.language == "text" else ""
        for following in (*found[1:], None)
    ]
    variables: dict[str, Any] = {"__name__": "__main__"}
    pairs = []
    for block, says in zip(found, stated, strict=True):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for line in block.text.splitlines():
                command(line)
        elif block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block.text, page, "exec"), variables)  # noqa: S102 - our own docs
            pairs.append((out.getvalue(), says))
    return pairs


def write_outputs(page: str) -> None:
    """Write below each Python block of a page what it prints, in the current, empty folder."""
    outputs = iter([out for out, _ in printed(page)])
    text = (DOCS / page).read_text(encoding="utf-8")
    text = re.sub(r"^```text\n.*?^```\n\n?", "", text, flags=re.MULTILINE | re.DOTALL)

    def with_output(found: re.Match[str]) -> str:
        out = "\n".join(line.rstrip() for line in next(outputs).rstrip().splitlines())
        return found[0] + (f"\n```text\n{out}\n```\n" if out else "")

    pattern = re.compile(r"^```python\n.*?^```\n", re.MULTILINE | re.DOTALL)
    (DOCS / page).write_text(pattern.sub(with_output, text), encoding="utf-8")


def command(line: str) -> None:
    """Run a line such as `$ hessweep plan study.yaml`, which must succeed."""
    prompt, program, *arguments = shlex.split(line)
    assert (prompt, program) == ("$", "hessweep"), line
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert not exit_.value.code, line
