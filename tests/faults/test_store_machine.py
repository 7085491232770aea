"""Any order of storing, publishing, kills, damage and repair, against a model of the store."""

import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from faults.writer import batch
from hessweep.errors import HessweepError
from hessweep.running import find_work, verify
from hessweep.store import (
    DamagedSegmentWarning,
    open_results,
    publish,
    repair,
    stored_points,
    table,
    write_segment,
)
from hessweep.store.files import TEMPORARY
from hessweep.store.published import METADATA, SUFFIX, chunk_paths, read_metadata

SEED_COUNT = 6
SEEDS = st.integers(0, SEED_COUNT - 1)
PLACES = st.floats(0, 1, exclude_max=True)


class Store(RuleBasedStateMachine):
    """A results folder, and what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp()) / "results"
        self.root.mkdir()
        self.segments: dict[str, int] = {}
        """Intact segments, each with its seed."""
        self.damaged: set[str] = set()
        self.published: set[int] | None = None
        """Seeds at the last publish; None if there was none, or what it wrote is damaged."""

    def teardown(self) -> None:
        shutil.rmtree(self.root.parent)

    @rule(seed=SEEDS)
    def store(self, seed: int) -> None:
        self.segments[write_segment(self.root, batch(seed))] = seed

    @rule()
    def run(self) -> None:
        """Just what is missing is found, and stored."""
        points = [result.point for seed in range(SEED_COUNT) for result in batch(seed)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedSegmentWarning)
            missing = find_work(points, self.root).missing
        lost = set(range(SEED_COUNT)) - set(self.segments.values())
        assert sorted(point.seed for point in missing) == sorted(
            result.point.seed for seed in lost for result in batch(seed)
        )
        for seed in lost:
            self.store(seed)

    @rule(seed=SEEDS, part=PLACES)
    def kill_a_writer(self, seed: int, part: float) -> None:
        """What a writer leaves that is killed before its rename: some of the bytes."""
        elsewhere = self.root.parent / "elsewhere"
        content = (elsewhere / "segments" / write_segment(elsewhere, batch(seed))).read_bytes()
        left = self.root / "segments" / f"{TEMPORARY}{seed}"
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(content[: int(part * len(content))])

    @rule()
    def lose_the_index(self) -> None:
        (self.root / "index.cache").unlink(missing_ok=True)

    @precondition(lambda self: self.segments)
    @rule(which=PLACES, place=PLACES, cut=st.booleans())
    def damage_a_segment(self, which: float, place: float, cut: bool) -> None:
        name = sorted(self.segments)[int(which * len(self.segments))]
        path = self.root / "segments" / name
        content = bytearray(path.read_bytes())
        byte = int(place * len(content))
        if cut:
            del content[byte:]
        else:
            content[byte] ^= 16
        path.write_bytes(content)
        # The index knows a segment by its size: a flipped bit is for verify to find.
        self.lose_the_index()
        del self.segments[name]
        self.damaged.add(name)

    @rule()
    def publish(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedSegmentWarning)
            publish(self.root)
        if self.published is not None or self.segments:
            self.published = set(self.segments.values())
        self.check_published()

    @rule()
    def repair(self) -> None:
        moved = {path.name for path in repair(self.root).moved}
        assert moved == self.damaged
        self.damaged = set()
        if self.published is not None or self.segments:
            self.published = set(self.segments.values())

    @precondition(lambda self: self.published)
    @rule(which=PLACES, place=PLACES)
    def damage_what_is_published(self, which: float, place: float) -> None:
        """Found by verify; a reader gets the right numbers or an error; repair mends it."""
        files = sorted(p for p in self.root.glob("published/*.zarr/**/*") if p.is_file())
        path = files[int(which * len(files))]
        current = is_current(path)
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= 16
        path.write_bytes(content)
        assert not (current and verify(self.root, sample=0).ok)
        try:
            rows = table(open_results(self.root))
        except (HessweepError, ValueError, RuntimeError):
            pass
        else:
            self.check_rows(rows)
        self.repair()
        self.check_published()

    @invariant()
    def stored_is_what_is_intact(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedSegmentWarning)
            stored = stored_points(self.root)
        seeds = set(self.segments.values())
        assert stored.keys() == {r.point.key for seed in seeds for r in batch(seed)}

    @invariant()
    def verify_finds_what_is_damaged(self) -> None:
        found = verify(self.root, sample=0).problems
        bad = {problem.path.name for problem in found if problem.kind == "damaged segment"}
        assert bad == self.damaged
        assert not [p for p in found if p.kind in ("wrong key", "damaged published")]

    @rule()
    def check_published(self) -> None:
        if self.published:
            self.check_rows(table(open_results(self.root)))

    def check_rows(self, rows) -> None:
        expected = {r.point.key: r.scalars for seed in self.published for r in batch(seed)}
        assert sorted(rows["key"]) == sorted(expected)
        wanted = [expected[key]["lambda_max"] for key in rows["key"]]
        assert np.array_equal(rows["lambda_max"].to_numpy(), wanted)


def is_current(path: Path) -> bool:
    """Whether a published file is of this version, and no chunk that an earlier one left."""
    group = next(folder for folder in path.parents if folder.suffix == SUFFIX)
    arrays = read_metadata(group)["consolidated_metadata"]["metadata"]
    chunks = {chunk for name, array in arrays.items() for chunk in chunk_paths(name, array)}
    return path.name == METADATA or path.relative_to(group) in chunks


def part(number: int) -> type:
    """Return a test of 500 steps; several, so that all cores take part, each with its own."""
    machine = type(f"Store{number}", (Store,), {})
    machine.TestCase.settings = settings(
        max_examples=13, stateful_step_count=40, deadline=None, derandomize=False
    )
    return pytest.mark.faults(machine.TestCase)


TestStore1, TestStore2, TestStore3, TestStore4 = (part(number) for number in range(1, 5))
