"""The workflow as a user runs it: real Snakemake, real Dask processes, a real store."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
import yaml

from hessweep.outputs import load_study
from hessweep.running import find_work, verify
from hessweep.store import repair, stored_points

ROOT = Path(__file__).parents[2]


def snakemake(folder, *arguments, study_file="config/tiny.yaml"):
    """Run the workflow in `folder`, which holds a copy of it, and return the process."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    options = ["--workflow-profile", "workflow/profiles/default"]
    study = ["--config", f"study={study_file}"]
    return subprocess.run(
        [*command, *options, *study, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def jobs(process):
    """Return how many jobs with a message Snakemake says it has started."""
    return len(re.findall(r"^\[\d+/\d+\] ", process.stderr, re.MULTILINE))


def edit_study(folder, change):
    file = folder / "config" / "tiny.yaml"
    study = yaml.safe_load(file.read_text())
    change(study)
    file.write_text(yaml.safe_dump(study))


def segments(folder):
    return {
        path.name: path.stat().st_mtime_ns for path in folder.glob("results/tiny/segments/*.zip")
    }


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    first = snakemake(folder)
    assert first.returncode == 0, first.stderr
    (folder / "terminal.txt").write_text(first.stdout + first.stderr)
    return folder


def test_the_terminal_shows_a_line_for_each_job_and_the_log_file_the_rest(workflow):
    text = (workflow / "terminal.txt").read_text()
    lines = text.splitlines()
    wanted = ["Sweep erf-square", "Sweep polynomials", "Publish the results for queries",
              "Table ranks", "Figure ranks", "Figure architecture", "Report page",
              "Sum up the spectra for the report",
              "Check that nothing has failed"]  # fmt: skip
    started = [line for line in lines if re.match(r"\[\d/9\] ", line)]
    assert sorted(line.split("] ")[1] for line in started) == sorted(wanted)
    assert [line[1] for line in started] == list("123456789")
    assert "erf-square: 15 points to compute, less than a second with" in text
    assert lines[-2] == "Report: results/tiny/report.html"
    assert lines[-1].startswith(
        "points computed: 111 (all of 111); ranks proved: 100\u202f% (111 of 111 teachers); "
    )
    assert max(map(len, lines)) <= 200
    assert "Reason" not in text
    [log] = (workflow / ".snakemake" / "log").glob("*.log")
    detail = log.read_text()
    assert detail.count("Finished jobid") == 10
    assert detail.count("Reason: Missing output files") == 9


def test_the_study_that_was_made_is_kept_with_its_results(workflow):
    kept = workflow / "results" / "tiny" / "study" / "tiny.yaml"
    assert kept.read_text() == (workflow / "config" / "tiny.yaml").read_text()


def test_each_job_keeps_a_log(workflow):
    logs = workflow / "results" / "tiny" / "logs"
    assert "15 points to compute" in (logs / "sweeps" / "erf-square.log").read_text()
    for name in ("publish", "explorer", "report", "complete", "tables/ranks", "figures/ranks"):
        assert (logs / f"{name}.log").is_file()


def test_snakemake_has_nothing_to_say_against_the_workflow(workflow):
    found = snakemake(workflow, "--lint")
    assert found.returncode == 0
    assert "Lints for" not in found.stdout + found.stderr


def test_everything_comes_out(workflow):
    results = workflow / "results" / "tiny"
    ranks = pd.read_csv(results / "tables" / "ranks.csv")
    assert len(ranks) == 2 * 16 + 3
    assert ranks["teachers"].sum() == 2 * 16 * 3 + 3 * 5
    assert (ranks["proved"] == ranks["teachers"]).all()
    with xr.open_zarr(results / "published" / "erf.zarr") as published:
        assert published.sizes["point"] == 15
    for suffix in ("png", "pdf", "csv"):
        assert (results / "figures" / f"ranks.{suffix}").stat().st_size > 0


def test_again_does_nothing(workflow):
    before = segments(workflow)
    again = snakemake(workflow)
    assert again.returncode == 0
    assert jobs(again) == 0
    assert again.stderr.splitlines()[-2] == "Report: results/tiny/report.html"
    assert segments(workflow) == before


def test_another_seed_computes_only_the_new_points(workflow):
    before = segments(workflow)
    edit_study(workflow, lambda study: study["sweeps"]["erf-square"].update(seeds=6))
    run = snakemake(workflow)
    assert run.returncode == 0, run.stderr
    receipt = json.loads((workflow / "results/tiny/receipts/erf-square.json").read_text())
    assert receipt["points"] == 18
    after = segments(workflow)
    assert before.items() <= after.items()
    with xr.open_zarr(workflow / "results/tiny/published/erf.zarr") as published:
        assert published.sizes["point"] == 18


def test_seeds_until_a_mean_is_known(workflow):
    """The second run does nothing, and a smaller error computes only more."""
    file = workflow / "until.yaml"
    study = {
        "name": "until",
        "sweeps": {"one": {"activation": "erf", "N": 2, "seeds": {"at_most": 500}}},
        "tables": {"ranks": {"kind": "ranks"}},
    }
    taken, before = [], set()
    for error, makes in ((0.1, True), (0.1, False), (0.04, True)):
        study["sweeps"]["one"]["seeds"]["until"] = {"relative_error": error, "of": "lambda_max"}
        file.write_text(yaml.safe_dump(study))
        made = snakemake(workflow, study_file="until.yaml")
        assert made.returncode == 0, made.stderr
        assert (jobs(made) > 0) == makes
        table = pd.read_csv(workflow / "results" / "until" / "tables" / "ranks.csv")
        taken.append(int(table["teachers"].sum()))
        stored = set(stored_points(workflow / "results" / "until"))
        assert len(stored) == taken[-1]
        assert before <= stored
        before = stored
    assert taken[0] == taken[1] < taken[2]


def test_a_repaired_store_is_completed(workflow):
    """What is moved aside is computed anew; a dry run says so and removes nothing."""
    results = workflow / "results" / "tiny"
    damaged = min((results / "segments").glob("*.zip"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert len(repair(results).moved) == 1
    unfinished = results / "report.html"
    mark = base64.urlsafe_b64encode(str(unfinished.relative_to(workflow)).encode()).decode()
    (workflow / ".snakemake" / "incomplete" / mark).touch()
    dry = snakemake(workflow, "--dry-run")
    assert unfinished.exists()
    study = load_study(workflow / "config" / "tiny.yaml")
    incomplete = {}
    for name, sweep in study.sweeps.items():
        if missing := find_work(sweep.points(), results).missing:
            incomplete[name] = {point.key for point in missing}
    assert incomplete
    for name in study.sweeps:
        announced = f"Sweep {name}" in dry.stdout + dry.stderr
        assert announced == (name in incomplete), name
    assert snakemake(workflow).returncode == 0
    assert verify(results, sample=0).ok
    assert set(stored_points(results)) >= set.union(*incomplete.values())
    assert jobs(snakemake(workflow)) == 0


def test_the_environment_says_where_to_compute(workflow, monkeypatch):
    monkeypatch.setenv("HESSWEEP_CLUSTER", "nowhere.json")
    edit_study(workflow, lambda study: study["sweeps"]["erf-square"].update(seeds=7))
    failed = snakemake(workflow)
    assert failed.returncode == 1
    assert "nowhere.json: can not read the scheduler file" in failed.stdout + failed.stderr


def test_a_wrong_study_says_what_is_wrong(workflow):
    wrong = workflow / "config" / "wrong.yaml"
    wrong.write_text("name: wrong\nsweeps: {a: {activation: erv, N: 3, seeds: 1}}\n")
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"study={wrong}"],
        cwd=workflow,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "sweeps.a.activation" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (workflow / "results" / "wrong").exists()


@pytest.mark.parametrize(
    ("arguments", "unknown"),
    [
        (["--configfile", "config/tiny.yaml"], "figures, name, sweeps, tables"),
        (["--config", "Study=config/tiny.yaml"], "Study"),
    ],
)
def test_a_configuration_that_names_no_study_is_refused(workflow, arguments, unknown):
    """Rather than that the paper's study runs, which takes hours."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", *arguments]
    run = subprocess.run(command, cwd=workflow, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert f"unknown configuration {unknown}: " in run.stdout + run.stderr
    assert "--config study=FILE" in run.stdout + run.stderr


def test_the_usage_in_the_snakefile_s_head_works(workflow):
    assert "--config study=FILE [-- TARGET]" in (workflow / "Snakefile").read_text()
    run = snakemake(workflow, "--dry-run", "--", "tables")
    assert run.returncode == 0, run.stderr


def test_snakemake_writes_its_own_report_without_flags(workflow):
    """Figures, tables and the project's page are in it, and when each was made."""
    study = ["--config", "study=config/tiny.yaml"]
    command = [sys.executable, "-m", "snakemake", "--report", "report.html", *study]
    written = subprocess.run(command, cwd=workflow, capture_output=True, text=True, check=False)
    assert written.returncode == 0, written.stderr
    text = (workflow / "report.html").read_text()
    for name in ("figures/ranks.png", "tables/ranks.csv", "report.html"):
        assert f"results/tiny/{name}" in text
    for category in ("Figures", "Tables", "Report page"):
        assert f'"{category}"' in text
    for rule in ("sweep", "publish", "figure", "report_page"):
        assert f'"{rule}"' in text


def test_without_cores_snakemake_says_what_to_write(workflow):
    study = ["--config", "study=config/tiny.yaml"]
    command = [sys.executable, "-m", "snakemake", *study]
    plain = subprocess.run(command, cwd=workflow, capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert "--cores" in plain.stderr
    assert len(plain.stderr.strip().splitlines()) <= 2
