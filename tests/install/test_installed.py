"""What `pip install hessweep` gives, without a clone: the package, its command, its workflow."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("src", "workflow", "requirements", "Snakefile", "pyproject.toml", "README.md", "LICENSE")

STUDY = """
name: tiny
sweeps:
  square: {activation: [linear, erf], N: 2, seeds: 2}
tables:
  ranks: {kind: ranks}
figures:
  ranks: {kind: rank-grid, options: {activation: erf}}
"""

pytestmark = pytest.mark.install


# Without the variables that would let an installed Python find the clone after all.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def call(*command, folder):
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def contents(wheel):
    """Files of a wheel, without the names that hold its version."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("RECORD")}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel from the sources, and one from the sdist of them."""
    folder = tmp_path_factory.mktemp("built")
    clone = folder / "clone"
    clone.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.egg-info", "__pycache__")
            shutil.copytree(ROOT / name, clone / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, clone)
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    call(*wheel, "--wheel-dir", folder / "direct", ".", folder=clone)
    program = "from setuptools import build_meta; build_meta.build_sdist('../sdist')"
    call(sys.executable, "-c", program, folder=clone)
    [sdist] = (folder / "sdist").glob("*.tar.gz")
    call(*wheel, "--wheel-dir", folder / "from-sdist", sdist, folder=folder)
    return [next((folder / name).glob("*.whl")) for name in ("direct", "from-sdist")]


def test_the_wheel_serves_all_later_pythons_and_the_sdist_makes_the_same(built):
    direct, from_sdist = built
    assert direct.name == from_sdist.name
    assert "-cp311-abi3-" in direct.name
    assert contents(direct) == contents(from_sdist)
    assert "hessweep/py.typed" in contents(direct)
    for name in ("_assembly", "_general_assembly", "_lanes"):
        assert f"hessweep/compiled/{name}.abi3.so" in contents(direct)


def test_an_installed_package_runs_a_study_outside_the_clone(built, tmp_path):
    environment = tmp_path / "new environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    # The versions that the tests have, so that the test does not fail for another's release.
    frozen = call(sys.executable, "-m", "pip", "freeze", "--exclude-editable", folder=tmp_path)
    (tmp_path / "versions.txt").write_text(
        "".join(line for line in frozen.splitlines(keepends=True) if "==" in line)
    )
    call(
        python, "-m", "pip", "install", "--quiet", "-c", "versions.txt", built[1], folder=tmp_path
    )
    work = tmp_path / "somewhere"
    work.mkdir()
    home = call(python, "-c", "import hessweep; print(hessweep.__file__)", folder=work)
    assert Path(home).is_relative_to(environment)
    (work / "study.yaml").write_text(STUDY)
    command = environment / "bin" / "hessweep"
    told = call(command, "make", "study.yaml", "--", "--cores", "2", folder=work).splitlines()
    assert told[-2] == "Report: results/tiny/report.html"
    assert told[-1].startswith("points computed: 4 (all of 4); ranks proved: 100")
    results = work / "results" / "tiny"
    assert (results / "report.html").stat().st_size > 100_000
    assert (results / "figures" / "ranks.pdf").is_file()
    call(
        command, "query", results, "activation == 'erf'", "--columns", "seed,rank",
        "--format", "csv", "--output", "rows.csv", folder=work,
    )  # fmt: skip
    rows = pd.read_csv(work / "rows.csv")
    assert rows["rank"].tolist() == [6, 6]
    again = call(command, "make", "study.yaml", folder=work)
    assert "[1/" not in again
    assert str(ROOT) not in call(
        python, "-c", "from hessweep.cli.make import workflow_home as w; print(w())", folder=work
    )
