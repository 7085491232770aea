"""Exports while points are stored and published: a bundle agrees with itself, or there is none."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest

from hessweep.activations import activation
from hessweep.errors import StoreError
from hessweep.setup import Setup
from hessweep.sharing.bundle_verification import verify_bundle
from hessweep.sharing.export import export
from hessweep.sharing.metadata import About
from hessweep.sharing.writer import BundleWriter
from hessweep.store import publish, write_segment

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
