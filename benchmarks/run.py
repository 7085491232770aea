"""Run the benchmarks: `python benchmarks/run.py [NAMES] [--quick] [--output FOLDER] [--document]`.

Every `bench_NAME.py` beside this file asks one question (the first line of its docstring) and
answers it by `rows(quick)`. The answers go to `FOLDER/benchmarks.json` and `benchmarks.md`, and
with `--document` into docs/benchmarks.md, in the place of earlier answers to the same questions.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import threadpoolctl
from measure import Row

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
MARKER = "<!-- What follows is written by benchmarks/run.py --document. -->\n"


def machine() -> dict[str, Any]:
    """Describe what the times depend on; no names of hosts or folders."""
    importlib.import_module("scipy.linalg")  # loads the BLAS that is described
    blas = threadpoolctl.threadpool_info()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory (GB)": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "BLAS": ", ".join(
            sorted({f"{b['internal_api']} {b['version']} {b['architecture']}" for b in blas})
        ),
        "BLAS threads": max((b["num_threads"] for b in blas), default=1),
        "load before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Return the model, and the instruction sets that matter where the model is hidden."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    lines = cpuinfo.read_text().splitlines()
    fields = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)
    model = f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']}"
    sets = [name for name in ("avx2", "avx512f") if name in fields["flags"].split()]
    return f"{model}, {', '.join(sets)})"


def table(question: str, rows: Sequence[Row], about: str) -> str:
    """Return the rows as Markdown, and below them the machine; no column is without values."""
    header = ["case", "time", "compared with", "its time", "ratio", "to reach", "memory", ""]
    cells = [
        [
            row.case,
            _time(row.seconds),
            row.other or "–",
            _time(row.other_seconds),
            "–" if row.ratio is None else f"**{row.ratio:.3g}**",
            "–" if row.required is None else f"{row.required:.3g}",
            "–" if row.megabytes is None else f"{row.megabytes:.0f} MB",
            "; ".join(f"{key}: {_plain(value)}" for key, value in row.notes.items()),
        ]
        for row in rows
    ]
    used = [k for k in range(len(header)) if any(row[k] not in ("–", "") for row in cells)]
    shown = [header, ["---"] * len(header), *cells]
    lines = [f"| {' | '.join(row[k] for k in used)} |" for row in shown]
    return "\n".join([f"## {question}", "", *lines, "", about, ""])


def document(text: str, tables: Sequence[str]) -> str:
    """Return the document with these tables instead of those of the same questions."""
    prose, _, written = text.partition(MARKER)
    old = [f"## {part}" for part in written.split("\n## ")[1:]]
    sections = {part.splitlines()[0]: part.rstrip("\n") + "\n" for part in [*old, *tables]}
    return f"{prose}{MARKER}\n" + "\n".join(sections.values())


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str]) -> None:
    """Run what is asked for and write the tables."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Ratios taken side by side in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--output", type=Path, default=HERE / "out", metavar="FOLDER")
    parser.add_argument("--document", action="store_true", help="into docs/benchmarks.md too")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")

    described, found, tables = machine(), {}, []
    about = "; ".join(f"{key}: {value}" for key, value in described.items()) + "."
    for name in options.names or known:
        module = importlib.import_module(f"bench_{name}")
        question = (module.__doc__ or name).splitlines()[0]
        rows = []
        for row in module.rows(options.quick):
            rows.append(row)
            print(f"{name}: {row.case}: {_time(row.seconds)}, ratio {row.ratio}", flush=True)
        if rows:
            found[name] = {"question": question, "rows": [row.plain() for row in rows]}
            tables.append(table(question, rows, about))
    options.output.mkdir(parents=True, exist_ok=True)
    result = {"machine": described, "benchmarks": found}
    (options.output / "benchmarks.json").write_text(json.dumps(result, indent=1, default=float))
    (options.output / "benchmarks.md").write_text("\n".join(tables))
    if options.document:
        DOCUMENT.write_text(document(DOCUMENT.read_text(), tables))


if __name__ == "__main__":
    main(sys.argv[1:])
