"""Files for packagers that can not be run here are held against what they stand for."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

import hessweep

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load((ROOT / "packaging" / "recipe.yaml").read_text())


def test_the_recipe_and_the_conda_environment_ask_for_the_same(recipe):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    run = recipe["requirements"]["run"]
    for spec in (*run, *recipe["requirements"]["host"]):
        MatchSpec(spec, strict=True)
    assert sorted(run) == sorted(spec for spec in environment if spec != "pip")


def test_the_recipe_builds_this_project(recipe, pyproject):
    project = pyproject["project"]
    assert recipe["context"]["version"] == project["version"]
    assert (ROOT / "packaging" / recipe["source"]["path"] / "pyproject.toml").is_file()
    [(name, target)] = project["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {target}"]
    assert set(pyproject["build-system"]["requires"]) <= {
        spec.replace(" ", "") for spec in recipe["requirements"]["host"]
    }


def test_versions_and_citation_agree(pyproject):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    version = pyproject["project"]["version"]
    assert citation["version"] == version == hessweep.__version__
    assert citation["license"] == pyproject["project"]["license"]
    # What the format demands of every file.
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_container_copies_all_that_the_package_is_made_of(pyproject):
    text = (ROOT / "packaging" / "Containerfile").read_text().replace("\\\n", " ")
    steps = [line for line in text.splitlines() if line and not line.startswith("#")]
    copied = set()
    for step in steps:
        word, *arguments = shlex.split(step)
        assert word in {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
        if word == "COPY" and not arguments[0].startswith("--from"):
            copied |= set(arguments[:-1])
        if word == "FROM":
            assert re.search(r":\d+\.\d+-slim", arguments[0])
    assert all((ROOT / path).exists() for path in copied)
    settings = pyproject["tool"]["setuptools"]
    data = {
        pattern.split("/")[0] for files in settings["data-files"].values() for pattern in files
    }
    project = pyproject["project"]
    wanted = {"pyproject.toml", "src", project["readme"], *project["license-files"], *data}
    assert wanted <= copied
    assert [step for step in steps if step.startswith("USER")], "nothing should run as root"


def test_wheels_are_built_once_for_all_later_pythons(pyproject):
    oldest = pyproject["project"]["requires-python"].removeprefix(">=").replace(".", "")
    built = pyproject["tool"]["cibuildwheel"]["build"]
    assert built == f"cp{oldest}-*"
    assert pyproject["tool"]["distutils"]["bdist_wheel"]["py-limited-api"] == f"cp{oldest}"
    extensions = pyproject["tool"]["setuptools"]["ext-modules"]
    assert all(extension["py-limited-api"] for extension in extensions)


def test_every_file_of_the_workflow_is_in_the_wheel(pyproject):
    carried = set()
    for folder, patterns in pyproject["tool"]["setuptools"]["data-files"].items():
        for pattern in patterns:
            files = list(ROOT.glob(pattern))
            assert files, pattern
            for file in files:
                # What lies in a folder of the clone lies in the same folder of the package.
                assert Path(folder, file.name) == "share/hessweep" / file.relative_to(ROOT)
                carried.add(file)
    whole = {path for path in (ROOT / "workflow").rglob("*") if path.is_file()}
    assert {path for path in whole if "__pycache__" not in path.parts} <= carried
    assert ROOT / "Snakefile" in carried


def test_the_workflow_catalog_finds_what_it_reads():
    catalog = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    flags = shlex.split(catalog["usage"]["mandatory-flags"]["flags"])
    assert flags[0] == "--config"
    assert (ROOT / flags[1].removeprefix("study=")).is_file()
    assert catalog["usage"]["software-stack-deployment"]["conda"]
    rules = [path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")]
    assert sum(text.count("script:") for text in rules) == sum(t.count("conda:") for t in rules)
    assert (ROOT / "README.md").is_file()
    assert (ROOT / "LICENSE").is_file()
