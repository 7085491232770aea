"""environment.yml is valid for conda, and says the same as pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}
CONDA_ONLY = {"python", "pip"}


@pytest.fixture(scope="module")
def specs():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return [MatchSpec(spec, strict=True) for spec in environment["dependencies"]]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_and_pyproject_name_the_same_versions(specs, project):
    wanted = dict(
        re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        for requirement in project["dependencies"]
    )
    found = {
        CONDA_NAMES.get(name := spec.name.normalized, name): str(spec.version)
        for spec in specs
        if spec.name.normalized not in CONDA_ONLY
    }
    assert found == wanted


def test_python_version_agrees(specs, project):
    (python,) = (spec for spec in specs if spec.name.normalized == "python")
    assert str(python.version) == project["requires-python"]


def test_locks_pin_every_dependency_with_hashes_and_no_address(project):
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text()
        pins = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
        assert {re.match(r"[\w-]+", item).group() for item in project["dependencies"]} <= set(pins)
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "index" not in text
