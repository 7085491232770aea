"""Spaces in the path of a clone, and in the name of a study."""

import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("study", ["my study.yaml", "it's mine.yaml", "plain.yaml"])
def test_make_names_the_study_to_snakemake(study):
    command = ["make", "--dry-run", "--always-make", f"STUDY={study}", "study"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [called] = [line for line in lines.splitlines() if "bin/snakemake" in line]
    assert shlex.split(called)[-2:] == ["--config", f"study={study}"]


def test_a_clone_and_an_environment_under_a_path_with_a_space(tmp_path):
    clone = tmp_path / "my clone"
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, clone / name)
    shutil.copy(ROOT / "Snakefile", clone)
    (clone / "my study.yaml").write_text(
        "name: spaced\nsweeps: {s: {activation: linear, N: 2, seeds: 1}}\n"
    )
    # An environment of its own, with the packages of this one.
    environment = clone / ".venv"
    venv.create(environment)
    here = sysconfig.get_path("purelib")
    packages = sysconfig.get_path("purelib", vars={"base": str(environment)})
    (Path(packages) / "packages.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    done = subprocess.run(
        [
            environment / "bin" / Path(sys.executable).name, "-m", "snakemake", "--cores", "1",
            "--workflow-profile", "workflow/profiles/default",
            "--config", "study=my study.yaml", "--", "results/spaced/receipts/s.json",
        ],
        cwd=clone, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((clone / "results/spaced/segments").glob("*.zip"))) == 1
