"""One small study, computed and exported once by the console script as a user starts it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hessweep.cli import main

COMMAND = Path(sys.executable).with_name("hessweep")

STUDY = """
name: demo
sweeps:
  square: {activation: [erf, {name: quadratic, epsilon: 0.5}], N: [2, 3], seeds: 3}
  density: {activation: erf, sizes: [[3, 3]], seeds: 2, kind: density}
  own: {activation: {name: hump, file: own/hump.py}, N: 2, seeds: 1}
  far: {activation: erf, N: 2, seeds: 1, inputs: {covariance: ../outside.npy}}
"""

HUMP = """
import numpy as np
from pathlib import Path

Path("was-run").touch()

def hump(x):
    return np.exp(-x * x)
"""


def hessweep(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the console script in a folder."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=200,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def call(*arguments: object) -> int:
    """Run the command in this process, and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose points are all there; only to be read."""
    import numpy as np

    folder = tmp_path_factory.mktemp("sharing") / "study"
    (folder / "own").mkdir(parents=True)
    (folder / "study.yaml").write_text(STUDY)
    (folder / "own" / "hump.py").write_text(HUMP)
    np.save(folder.parent / "outside.npy", np.diag([1.0, 2.0]))
    done = hessweep(folder, "run", "study.yaml", "--workers", 1)
    assert done.returncode == 0, done.stderr
    (folder / "results" / "demo" / "report.html").write_text("<p>the report</p>")
    return folder


@pytest.fixture(scope="session")
def exported(computed: Path) -> Path:
    """Its bundle; only to be read."""
    bundle = computed.parent / "exported.zip"
    done = hessweep(
        computed, "export", "results/demo", bundle, "--study", "study.yaml",
        "--author", "Lovelace, Ada", "--author", "The group", "--license", "CC-BY-4.0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "outside.npy is not in the bundle" in done.stderr
    return bundle


@pytest.fixture
def results(computed: Path, tmp_path: Path) -> Path:
    """A copy of its results folder."""
    return shutil.copytree(computed / "results" / "demo", tmp_path / "demo")


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A copy of its bundle, in a folder of its own, as a colleague gets it."""
    (tmp_path / "colleague").mkdir()
    return shutil.copy(exported, tmp_path / "colleague" / "bundle.zip")
