"""Study files of every kind at the command line: a plan or a message, never a traceback.

`make test` tries some of them, `make test-faults` thousands (the profile `thousands`).
"""

import io
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hessweep.cli import main

pytestmark = pytest.mark.fuzz

SECONDS = 20
"""Of processor time for one file, whatever else the machine does."""

MEMORY = 1_000_000_000
"""Bytes of address space that one file may take beyond what the process has."""

VALID = {
    "name": "demo",
    "results": "results/demo",
    "sweeps": {
        "one": {"activation": "erf", "N": [2, 3], "seeds": 2},
        "two": {
            "activation": ["linear", {"name": "quadratic", "epsilon": 0.5}],
            "sizes": [[1, 2], [2, 1]],
            "seeds": "3..4",
            "weights": ["normal", "laplace"],
        },
        "three": {"activation": {"name": "mine", "file": "mine.py"}, "N_i": 2, "N_h": 3,
                  "seeds": 1},
    },
    "figures": {"f": {"kind": "law", "sweeps": "one", "title": "T", "options": {"bins": 4}}},
    "tables": {"t": {"kind": "ranks", "sweeps": ["one", "two"]}},
    "cluster": {"kind": "slurm", "jobs": 2, "memory": "1GB", "walltime": "00:10:00"},
}  # fmt: skip
OWN = "def mine(x):\n    return x * x\n"

HUGE = [2**31, 2**63, 2**64, -(2**63), 10**9, 10**400, 1e308, float("inf"), float("nan"), 5e-324]
TEXTS = [
    "", "..", "../../etc", "/", "/etc/passwd", "/dev/null", "s3://b/x", "~", "a/" * 3000,
    "x" * 5000,
    "1..3", "1..99999999999999999999", "3..1", "٣..٤", "1e400", "NaN", "-0", "0x10", "1_000",
    "erf", "linear", "ERF", "mine", "mine.py", "local", "4GB", "-1GB", "9e99TB", "tcp://h:1",
    "größe", "\u202eevil", "\u0000", "\u001b[2J", "\ud800", "a\nb", "{}", "{0}", "%s", "$(id)",
    "<script>", "__import__('os')", "💥", "\u0301" * 50, "null", "yes", "2026-01-01", "=",
]  # fmt: skip
KEYS = [
    "name", "results", "sweeps", "figures", "tables", "cluster", "activation", "N", "N_i", "N_h",
    "sizes", "seeds", "weights", "spectrum", "kind", "jobs", "workers", "memory", "walltime",
    "file", "sha256", "epsilon", "degree", "coefficients", "beta", "options", "path", "address",
    "__class__",
]  # fmt: skip

scalars = (
    st.none() | st.booleans() | st.integers(-3, 40) | st.floats() | st.text(max_size=8)
    | st.sampled_from(HUGE) | st.sampled_from(TEXTS) | st.dates() | st.binary(max_size=4)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | scalars, inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items if isinstance(node, dict | list) else ():
        yield (*path, key)
        yield from places(value, (*path, key)) if isinstance(value, dict | list) else ()


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[str, Any]:
    """A good study with one to three places changed: a value, a key more, a key less."""
    document = yaml.safe_load(yaml.safe_dump(VALID))
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from(list(places(document))))
        node = document
        for key in above:
            node = node[key]
        match draw(st.sampled_from(["value", "value", "more", "less"])):
            case "value":
                node[last] = draw(values)
            case "more" if isinstance(node, dict):
                node[draw(st.sampled_from(KEYS) | st.text(max_size=5))] = draw(values)
            case _ if len(document) > 1 and len(node) > 1:
                del node[last]
    return document


# What a YAML writer would not write.
MANY = 5000
"""More than is right: digits, letters, brackets."""

SNIPPETS = [
    "&a", "*a", "<<: *a", "!!python/object/apply:os.system [id]", "!!binary aGk=", "!x", "!!set",
    "---", "...", "%YAML 9.9", "%TAG ! x", "\t", "\r", "\x00", "\x07", "\x1b[31m", "\ufeff",
    "\u2028",
    "[" * 40, "{" * 40, "[" * MANY, "{a: " * MANY, "- " * MANY, "? ", "? [1, 2]\n: 3", ": ", "#",
    "0x" + "f" * MANY, "0b" + "1" * 20_000, "9" * MANY, "190:20:30", "1" + ":59" * 3000,
    "0o17", "017",
    "2026-13-45", "1e999999", ".inf", "-.Inf", ".nan", '"\\ud800"', '"\\x1b[2J"', '"\\0"', '"',
    "'", "|", ">-", "name: again", "sweeps: {}", "? &b [*b]\n: 1", "a: &a [*a, *a]",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "~: ~", "=: =", "1: 2", "3.5: []",
]  # fmt: skip


@st.composite
def spoilt_text(draw: st.DrawFn) -> bytes:
    """A good study as text, with pieces put in, cut out and written twice."""
    lines = yaml.safe_dump(VALID, allow_unicode=True).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        line = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(lines[line])))
        match draw(st.sampled_from(["in", "in", "line", "cut", "twice"])):
            case "in":
                piece = draw(st.sampled_from(SNIPPETS) | st.text(max_size=6))
                lines[line] = lines[line][:column] + piece + lines[line][column:]
            case "line":
                lines.insert(line, draw(st.sampled_from(SNIPPETS)) + "\n")
            case "cut":
                lines[line] = lines[line][:column]
            case "twice":
                lines.insert(line, lines[line])
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "utf-8-sig", "utf-32", "utf-7"]))
    return "".join(lines).encode(encoding, errors="replace")


any_text = st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
files = (
    nearly_valid().map(lambda document: yaml.safe_dump(document).encode())
    | spoilt_text()
    | values.map(lambda document: yaml.safe_dump(document).encode())
    | any_text
    | st.binary(max_size=60)
)


@contextmanager
def bounded() -> Iterator[None]:
    """Limit the address space and the processor time of what happens inside."""

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"more than {SECONDS} s of processor time")

    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, give_up)
    resource.setrlimit(
        resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, before[1])
    )
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def call(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code of the command and what it printed, as a terminal in UTF-8 gets it."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors)
        for errors in ("strict", "backslashreplace")
    )
    with bounded(), redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(arguments))
            code = 0
        except SystemExit as exit_:
            code = exit_.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return code, *texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "mine.py").write_text(OWN)
    return folder


SMALL = b"name: demo\nsweeps: {one: {activation: erf, N: 2, seeds: 1}}\n"


# What was found so, each once a traceback or a message that moves the cursor.
@example(
    content=SMALL + b"cluster: {kind: local, workers: 0x" + b"f" * 5000 + b"}", command="plan"
)
@example(content=SMALL + b'"\\x1b[2J": 1', command="plan")
@example(content=SMALL.replace(b"erf", b"{name: a, file: " + b"f" * 6000 + b"}"), command="plan")
@example(content=SMALL + b'"\\ud7fc": 1', command="plan")
@example(content=SMALL + b"results: " + b"f" * 300, command="plan")
@example(content=SMALL + b"results: " + b"f/" * 3000, command="report")
@given(content=files, command=st.sampled_from(["plan", "plan", "status", "report"]))
def test_any_file_is_planned_or_refused_in_words(
    folder: Path, content: bytes, command: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "study.yaml").write_bytes(content)
        code, out, err = call(command, "study.yaml")
    told = [line for line in err.splitlines() if not line.startswith("hessweep: warning: ")]
    if code == 2:
        assert out == "" or command == "plan"  # whose table comes before "does not fit"
        assert told[0].startswith("hessweep: ")
        assert len(err) < 10_000
    else:
        # Nothing is computed yet: a study that can be read is planned, and all of it is missing.
        assert code == {"plan": 0, "status": 1, "report": 2}[command]
        assert told == []
        assert " demo " in f" {out} " or "all" in out
    # A message is text: it does not move the terminal's cursor.
    assert all(character.isprintable() or character == "\n" for character in out + err)
    assert sorted(path.name for path in folder.iterdir()) == ["mine.py", "study.yaml"]
