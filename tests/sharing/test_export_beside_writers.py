"""Exports while points are stored and published: a bundle agrees with itself, or there is none."""

import hashlib
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.errors import DamagedStoreError, InputError, QueryError, StoreError
from hessweep.setup import Setup
from hessweep.sharing import export as exporting
from hessweep.sharing.bundle_verification import NO_SEGMENTS, verify_bundle
from hessweep.sharing.export import export
from hessweep.sharing.metadata import About
from hessweep.sharing.study_files import files_of
from hessweep.sharing.writer import BundleWriter
from hessweep.store import publish, write_segment
from hessweep.store.archive import MANIFEST, open_archive
from hessweep.study import read_study

ABOUT = About("Points", ("Somebody",), "", "2026-01-31")

WRITER = """
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from hessweep.activations import activation
from hessweep.setup import Setup
from hessweep.store import publish, write_segment

setup = Setup(activation("erf"), 2, 2)
result = setup.point(0).compute()
for seed in range(100, 10_000):
    write_segment(Path(sys.argv[1]), [replace(result, point=setup.point(seed))])
    publish(Path(sys.argv[1]))
    print(seed, flush=True)
"""


def stored(root, seeds):
    setup = Setup(activation("erf"), 2, 2)
    result = setup.point(0).compute()
    for seed in seeds:
        write_segment(root, [replace(result, point=setup.point(seed))])
        publish(root)


@pytest.mark.parametrize("times", [1, 2])
def test_a_publish_in_the_middle_is_noticed(tmp_path, monkeypatch, times):
    """After one publish the old chunks are still there, after two some of them are not."""
    root = tmp_path / "results"
    stored(root, [0])
    original, calls = BundleWriter.add, []

    def add(self, name, part):
        original(self, name, part)
        if name.startswith("published/") and not calls:
            calls.append(name)
            stored(root, range(1, 1 + times))

    monkeypatch.setattr(BundleWriter, "add", add)
    with pytest.raises(StoreError, match="published anew while it was copied"):
        export(root, tmp_path / "b.zip", ABOUT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    assert export(root, tmp_path / "b.zip", ABOUT).points == 1 + times
    assert verify_bundle(tmp_path / "b.zip", sample=0).ok


def test_bundles_that_are_exported_beside_a_writer_agree_with_themselves(tmp_path):
    root = tmp_path / "results"
    stored(root, [0])
    exported = []
    command = [sys.executable, "-c", WRITER, root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            for number in range(8):
                target = tmp_path / f"{number}.zip"
                with suppress(StoreError):
                    export(root, target, ABOUT)
                    exported.append(target)
        finally:
            writer.terminate()
    assert sorted(tmp_path.glob("*.zip")) == exported
    for target in exported:
        assert verify_bundle(target, sample=0).ok
    assert export(root, tmp_path / "last.zip", ABOUT).points > 1
    assert verify_bundle(tmp_path / "last.zip", sample=0).ok


def test_what_is_stored_after_each_publish_is_not_left_out(tmp_path, monkeypatch):
    """Segments and published groups of a bundle agree, or there is no bundle."""
    root = tmp_path / "results"
    setup = Setup(activation("erf"), 2, 2)
    result = setup.point(0).compute()
    seeds = iter(range(1, 100))
    write_segment(root, [result])

    def late(root):
        done = publish(root)
        for seed in islice(seeds, late.further):
            write_segment(root, [replace(result, point=setup.point(seed))])
        late.further -= 1
        return done

    late.further = 1
    monkeypatch.setattr(exporting, "publish", late)
    assert export(root, tmp_path / "b.zip", ABOUT).points == 2
    assert verify_bundle(tmp_path / "b.zip", sample=0).ok
    late.further = 1
    monkeypatch.setattr(exporting, "_ATTEMPTS", 1)
    with pytest.raises(StoreError, match="points are being stored there; export when"):
        export(root, tmp_path / "c.zip", ABOUT)
    assert not (tmp_path / "c.zip").exists()


def test_of_a_bundle_without_segments_the_points_are_counted(tmp_path):
    """What was not computed again is said, at most as many points as there are."""
    write_segment(tmp_path / "results", Setup(activation("erf"), 2, 2).compute(range(4)))
    export(tmp_path / "results", tmp_path / "b.zip", ABOUT, with_segments=False)
    for sample, skipped in ((3, 3), (20, 4)):
        found = verify_bundle(tmp_path / "b.zip", sample)
        assert (found.ok, found.points, found.recomputed, found.skipped) == (True, 4, 0, skipped)
        assert found.skipped_because == {NO_SEGMENTS: skipped}


def test_nothing_is_no_bundle(tmp_path):
    (tmp_path / "segments").mkdir()
    with pytest.raises(QueryError, match="there is no point to export"):
        export(tmp_path, tmp_path / "b.zip", ABOUT)
    assert not (tmp_path / "b.zip").exists()


def test_a_bundle_holds_no_more_files_and_no_other_names_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr("hessweep.sharing.writer.MAX_MEMBERS", 3)
    with (tmp_path / "b.zip").open("wb") as file, BundleWriter(file) as writer:
        for name in ("../up", "a//b", "C:x", "a\tb"):
            with pytest.raises(InputError, match="rename the file"):
                writer.add(name, b"1")
        writer.add("a", b"1")
        writer.add("b", b"2")
    assert open_archive(tmp_path / "b.zip").members.keys() == {"a", "b", MANIFEST}
    assert open_archive(tmp_path / "b.zip").read("b") == b"2"
    with (
        (tmp_path / "c.zip").open("wb") as file,
        suppress(InputError),  # The one of the fourth file.
        BundleWriter(file) as writer,
    ):
        for name in "abcd":
            writer.add(name, b"1")
    assert writer.files == 3


def test_files_of_a_bundle_that_are_not_there_or_too_long(tmp_path, monkeypatch):
    with (tmp_path / "b.zip").open("wb") as file, BundleWriter(file) as writer:
        writer.add("a", b"1")
    archive = open_archive(tmp_path / "b.zip")
    with pytest.raises(DamagedStoreError, match="b is missing"):
        archive.read("b")
    length = archive.members[MANIFEST]
    monkeypatch.setattr("hessweep.store.archive._MAX_MANIFEST_BYTES", length)
    assert archive.manifest() == {"a": hashlib.sha256(b"1").hexdigest()}
    monkeypatch.setattr("hessweep.store.archive._MAX_MANIFEST_BYTES", length - 1)
    with pytest.raises(DamagedStoreError, match="is longer than any"):
        archive.manifest()
    with pytest.raises(QueryError, match="found no regular file"):
        open_archive(tmp_path)


def test_files_that_a_study_names_elsewhere_are_told(tmp_path):
    """Those beside and below the study file go with it, under their paths from there."""
    folder = tmp_path / "study"
    (folder / "below").mkdir(parents=True)
    for path in (folder / "below" / "one.npy", tmp_path / "other.npy"):
        np.save(path, np.ones(2))
    (folder / "study.yaml").write_text(
        "name: demo\nsweeps:\n  one: {activation: erf, N: 2, seeds: 1, "
        "inputs: [{mean: below/one.npy}, {mean: ../other.npy}]}\n"
    )
    found = files_of(folder / "study.yaml", read_study(folder / "study.yaml"))
    assert found.inside.keys() == {"study.yaml", "below/one.npy"}
    assert [path.resolve() for path in found.outside] == [tmp_path / "other.npy"]
