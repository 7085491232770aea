"""Receipts: what the workflow has made, and what it was made from.

Snakemake decides what to make again by the times of files and by its own record in `.snakemake`.
Neither is enough: the record can be removed, another clone does not have it, copies and backups
change times, and an interrupt after an edit of the study leaves old outputs beside new ones. So
each sweep, table and figure and the report page has a receipt, a small file that is written last
and says what it was made from: the grids of its sweeps, its request, the published data. A receipt
that does not say what the study asks for now is outdated, and its output is made again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hessweep.errors import StoreAccessError
from hessweep.running.requested import SegmentValues, requested_points
from hessweep.store import published_digests
from hessweep.store.files import accessing
from hessweep.store.index import read_index
from hessweep.store.segments import list_segments
from hessweep.study import Study, Sweep

FOLDER = "receipts"
LOGS = "logs"
MANIFEST = "published.json"
"""What is published: the digest of each group, written by the workflow's publish rule."""

Content = dict[str, Any]


class Receipts:
    """The receipts of one study, in its folder."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.root = study.folder
        self.manifest = self.root / MANIFEST

    def sweep(self, name: str) -> Path:
        """Return the path of a sweep's receipt."""
        return self.root / FOLDER / f"{name}.json"

    def output(self, section: str, name: str) -> Path:
        """Return the path of the receipt of one table or figure."""
        return self.root / FOLDER / section / f"{name}.json"

    def log(self, *names: str) -> Path:
        """Return the path of the log of a job, such as `log("figures", "fig-4")`."""
        return self.root.joinpath(LOGS, *names[:-1], f"{names[-1]}.log")

    @property
    def report(self) -> Path:
        """The path of the report's receipt."""
        return self.root / FOLDER / "report" / "page.json"

    @cached_property
    def grids(self) -> dict[str, str]:
        """The digest of each sweep's grid: it changes with every setup, seed and version."""
        return {name: _grid_digest(sweep) for name, sweep in self.study.sweeps.items()}

    def sweep_content(self, name: str) -> Content:
        """Return what the receipt of a complete sweep says, without its segments."""
        return {"sweep": name, "grid": self.grids[name]}

    def output_content(self, section: str, name: str) -> Content:
        """Return what the receipt of a table or figure says: request, grids, published data."""
        request = getattr(self.study, section)[name]
        shown = request.sweeps or tuple(self.study.sweeps)
        return {
            "request": request.model_dump(mode="json"),
            "grids": {sweep: self.grids[sweep] for sweep in shown},
            "published": _read(self.manifest),
        }

    def report_content(self) -> Content:
        """Return what the receipt of the report says: all requests, all grids, published data."""
        outputs = {
            section: {
                name: self.output_content(section, name)["request"]
                for name in getattr(self.study, section)
            }
            for section in ("tables", "figures")
        }
        return {
            "study": self.study.name,
            **outputs,
            "grids": self.grids,
            "published": _read(self.manifest),
        }

    def outdated(self) -> list[Path]:
        """Return the files that stand for something else than the study asks for now.

        Receipts that are not there are not among them, since Snakemake sees that by itself. Of a
        sweep, the segments must be there that its receipt names; the manifest must say what is
        published.

        Raises:
            StoreAccessError: If the results folder can not be read.
        """
        segments = set(list_segments(self.study.results))
        wanted = {self.sweep(name): self.sweep_content(name) for name in self.study.sweeps}
        for section in ("tables", "figures"):
            for name in getattr(self.study, section):
                wanted[self.output(section, name)] = self.output_content(section, name)
        wanted[self.report] = self.report_content()
        found = []
        for path, content in wanted.items():
            said = _read(path)
            if said is not None and not _says(said, content, segments):
                found.append(path)
        is_published = self.manifest.exists()
        if is_published and _read(self.manifest) != published_digests(self.study.results):
            found.append(self.manifest)
        return found

    def remove_outdated(self) -> None:
        """Remove outdated receipts, so that Snakemake makes what they stand for again."""
        for path in self.outdated():
            path.unlink(missing_ok=True)

    def write_sweep(self, name: str) -> None:
        """Write the receipt of a sweep whose points are all stored, done or failed."""
        values = SegmentValues(self.study.results)
        keys = {point.key for point in requested_points(self.study.sweeps[name], values)}
        table = read_index(self.study.results).table
        stored = zip(table["key"].to_pylist(), table["segment"].to_pylist(), strict=True)
        segments = sorted({segment for key, segment in stored if key in keys})
        content = {**self.sweep_content(name), "points": len(keys), "segments": segments}
        write_receipt(self.sweep(name), content)


def write_receipt(path: Path, content: Mapping[str, Any]) -> None:
    """Write a receipt; last, when what it stands for is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _says(said: Any, content: Content, segments: Iterable[str]) -> bool:
    """Return whether a receipt says that content, and the segments that it names are there."""
    if not isinstance(said, dict) or any(said.get(key) != value for key, value in content.items()):
        return False
    named = said.get("segments", [])
    return isinstance(named, list) and set(named) <= set(segments)


def _grid_digest(sweep: Sweep) -> str:
    written = sweep.model_dump(mode="json", include={"seeds"})
    setups = [setup.key_for_any_seed for setup in sweep.setups()]
    text = json.dumps([written, setups], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: Path) -> Any:
    """Return what a JSON file says: None if it is not there, its text if it is not JSON.

    Raises:
        StoreAccessError: If the file is there and can not be read; what it stands for would pass
            for complete otherwise.
    """
    try:
        with accessing(path, "read"):
            text = path.read_text(encoding="utf-8", errors="replace")
    except StoreAccessError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
    try:
        return json.loads(text)
    except ValueError:
        return text
