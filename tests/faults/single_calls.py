"""Scenarios in which each system call fails once, run in processes that the interposed library is
loaded into (`interposed.c`).

Called as `python -m faults.single_calls SCENARIO FOLDER STRIDE`. The first run of the
scenario counts the calls. Then, for every STRIDE-th call and each kind of fault, a process is
forked that runs the scenario on a copy of the same folder, with that fault, and another one that
looks at what is left and goes on without faults. One line of JSON says what came of each.
"""

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import zarr  # noqa: F401  # loaded once, before the processes are forked

from faults.stored import Content, contents
from faults.writer import COMPUTED, batch
from hessweep.cli import main
from hessweep.outputs import load_study
from hessweep.running import verify
from hessweep.running.job import run_job
from hessweep.running.receipts import Receipts, write_receipt
from hessweep.store import open_results, publish, published_digests, stored_points, write_segment
from hessweep.store.reservations import reserve

FAULTS = {"death": 0, "ENOSPC": errno.ENOSPC, "EIO": errno.EIO}

TAKE_ROOM = {"create", "write", "pwrite", "pwrite64", "fsync", "fdatasync", "ftruncate",
             "ftruncate64", "close", "rename", "link", "mkdir"}  # fmt: skip
"""The calls that can fail for want of room."""

STUDY = """
name: demo
sweeps:
  one: {activation: [erf, quadratic], N_i: 2, N_h: 2, seeds: 2}
tables: {ranks: {kind: ranks}}
"""


def store(root: Path) -> None:
    """Reserve points, commit them, and bring the index up to date."""
    results = batch(7)
    with reserve(root, [result.point for result in results]):
        write_segment(root, results)
    stored_points(root)


def as_job(what: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a scenario that the workflow's scripts start, which keep a log elsewhere."""
    return lambda root: run_job(
        lambda _: what(root), SimpleNamespace(log=[root.parents[1] / "logs" / "job.log"])
    )


def command(*arguments: str) -> Callable[[Path], None]:
    """Return a scenario: a command of hessweep on the results folder."""
    return lambda root: main([arguments[0], str(root), *arguments[1:]])


def receipts(root: Path) -> None:
    """What the workflow does with receipts: its start, a sweep, the manifest and a table."""
    found = Receipts(load_study("study.yaml"))
    found.remove_outdated()
    found.write_sweep("one")
    publish(root)
    found.manifest.write_text(json.dumps(published_digests(root)))
    content = found.output_content("tables", "ranks")
    write_receipt(found.output("tables", "ranks"), content)
    write_receipt(found.report, found.report_content())
    assert found.outdated() == []


SCENARIOS: dict[str, tuple[Callable[[Path], None], bool, bool]] = {
    "store": (as_job(store), True, True),
    "first": (as_job(store), False, True),
    "publish": (command("publish"), True, True),
    "publish without locks": (command("publish"), True, False),
    "repair": (command("repair"), True, True),
    "receipts": (as_job(receipts), True, True),
}
"""What is done, whether the folder holds results before, and whether there are locks."""


def prepare(folder: Path, scenario: str) -> None:
    """Fill a folder with what the scenario starts from."""
    root = folder / "results" / "demo"
    root.parent.mkdir(parents=True)
    (folder / "study.yaml").write_text(STUDY)
    if not SCENARIOS[scenario][1]:
        return
    gone = write_segment(root, [r for r in COMPUTED if r.point.setup.activation.name == "erf"])
    write_segment(root, COMPUTED)
    publish(root)
    if scenario == "receipts":
        os.chdir(folder)
        write_receipt(Receipts(load_study("study.yaml")).sweep("one"), {"grid": "old"})
    if scenario == "repair":
        lambda_max = root / "published" / "quadratic.zarr" / "lambda_max"
        chunk = next(p for p in lambda_max.rglob("c*") if p.is_file())
        chunk.write_bytes(chunk.read_bytes()[:-3])
        (root / "segments" / gone).write_bytes(b"damaged")
    else:
        # Of one activation, so that there is one group to publish.
        write_segment(root, [r for r in batch(1) if r.point.setup.activation.name == "erf"])


def check_readers(root: Path) -> None:
    """What is published is one version, whole: the one before or the one after."""
    for name, node in open_results(root).children.items():
        group = node.to_dataset().load()
        seeds = sorted(map(int, set(group["seed"].values)))
        assert seeds == [0] or (name, seeds) == ("erf", [0, 1]), (name, seeds)
        assert group.sizes["point"] == 2 * len(seeds), name
        expected = {
            (r.point.setup.N_i, r.point.setup.N_h): r.eigenvalues
            for r in COMPUTED
            if r.point.setup.activation.name == name
        }
        ends = group["row_size"].values.cumsum()
        for row, (end, size) in enumerate(zip(ends, group["row_size"].values, strict=True)):
            sizes = int(group["N_i"][row]), int(group["N_h"][row])
            values = group["eigenvalues"].values[end - size : end]
            assert (values == expected[sizes]).all(), (name, row)


def check(folder: Path, scenario: str, finished: bool, promised: Content) -> None:
    """Nothing is lost or mixed, and the next run completes what was begun."""
    os.chdir(folder)
    root = folder / "results" / "demo"
    run, filled, _ = SCENARIOS[scenario]
    if root.exists():
        if scenario != "repair":
            found = contents(root)
            assert all(found[key] == value for key, value in promised.items()), "lost"
        if filled and scenario != "repair":
            check_readers(root)
    if finished:
        check_whole(root, scenario)
    with contextlib.suppress(SystemExit):
        run(root)
    check_whole(root, scenario)


def check_whole(root: Path, scenario: str) -> None:
    if scenario in ("store", "first"):
        assert all(r.point.key in stored_points(root) for r in batch(7))
        publish(root)
    problems = verify(root, sample=0).problems
    assert not problems
    if scenario == "receipts":
        found = Receipts(load_study("study.yaml"))
        wanted = [found.sweep("one"), found.output("tables", "ranks"), found.report]
        assert all(path.exists() for path in (*wanted, found.manifest))
        assert found.outdated() == []


def forked(what: Callable[[], None], log: Path) -> int:
    """Run something in a process of its own, and return its exit code, negative for a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 0
        try:
            with log.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            what()
        except SystemExit as end:
            if isinstance(end.code, str):
                sys.stderr.write(f"{end.code}\n")
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 99
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def go_through(scenario: str, folder: Path, stride: int) -> None:
    """Print what comes of each fault, one line of JSON each."""
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.calls.restype = ctypes.c_long
    library.name_of.restype = ctypes.c_char_p
    folder.mkdir()
    template, copy, log = folder / "template", folder / "copy", folder / "log"
    if forked(lambda: prepare(template, scenario), log):
        raise SystemExit(log.read_text())
    run, filled, locks = SCENARIOS[scenario]
    promised: Content = {}
    if filled and scenario != "repair":
        promised = contents(template / "results" / "demo")
    root = copy / "results" / "demo"

    def run_with(at: int = 0, fault: int = 0, names: Path | None = None) -> None:
        os.chdir(copy)
        library.interpose(str(root).encode(), ctypes.c_long(at), fault, int(locks))
        try:
            run(root)
        finally:
            calls = [library.name_of(n + 1).decode() for n in range(library.calls())]
            library.interpose(b"", ctypes.c_long(0), 0, 1)
            if names is not None:
                names.write_text(json.dumps(calls))

    shutil.copytree(template, copy)
    if forked(lambda: run_with(names=folder / "names"), log):
        raise SystemExit(log.read_text())
    names = json.loads((folder / "names").read_text())
    told(calls=len(names), names=sorted(set(names)))
    for at in range(1, len(names) + 1, stride):
        for fault, number in FAULTS.items():
            if fault == "ENOSPC" and names[at - 1] not in TAKE_ROOM:
                continue
            shutil.rmtree(copy)
            shutil.copytree(template, copy)
            code = forked(lambda: run_with(at, number), log)  # noqa: B023
            said = log.read_text()
            left = [str(path) for path in copy.rglob(".tmp-*")]
            checked = forked(
                lambda: check(copy, scenario, code == 0, promised),  # noqa: B023
                log,
            )
            told(
                at=at, call=names[at - 1], fault=fault, code=code, said=said, left=left,
                wrong="" if checked == 0 else log.read_text() or str(checked),
            )  # fmt: skip


def told(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    go_through(sys.argv[1], Path(sys.argv[2]).absolute(), int(sys.argv[3]))
