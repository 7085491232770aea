"""A bundle as a colleague uses it, with this package and without."""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
import zarr
from pyarrow import parquet

import hessweep as package
from hessweep.kinds import PointResult
from hessweep.setup import Setup
from hessweep.store import write_segment

from .conftest import COMMAND, HUMP, STUDY, call, hessweep

ROOT = Path(__file__).parents[2]


def names(bundle: Path) -> set[str]:
    with zipfile.ZipFile(bundle) as opened:
        return set(opened.namelist())


def read(bundle: Path, name: str) -> bytes:
    with zipfile.ZipFile(bundle) as opened:
        return opened.read(name)


def test_a_colleague_opens_queries_and_verifies_it(computed, bundle, monkeypatch):
    """In a folder that can not be written, so that nothing can be unpacked there."""
    folder = bundle.parent
    before = sorted(folder.rglob("*"))
    results = package.open_results(bundle)
    original = package.open_results(computed / "results" / "demo")
    assert results.equals(original)
    assert package.table(results).equals(package.table(original))
    rows = "rank == P", "--columns", "key,rank,lambda_min", "--format", "csv"
    answer = hessweep(folder, "query", "bundle.zip", *rows)
    assert answer.returncode == 0
    assert answer.stdout == hessweep(computed, "query", "results/demo", *rows).stdout
    checked = hessweep(folder, "verify", "bundle.zip", "--json")
    assert checked.returncode == 0, checked.stdout
    told = json.loads(checked.stdout)
    assert told["problems"] == []
    assert (told["points"], told["recomputed"], told["skipped"]) == (16, 14, 2)
    assert sorted(folder.rglob("*")) == before, "something was unpacked, or code was run"


def test_own_activations_are_computed_again_with_a_study_alone(computed, bundle):
    arguments = "verify", bundle, "--json", "--study", "study.yaml"
    assert json.loads(hessweep(computed, *arguments).stdout)["recomputed"] == 16


def test_numbers_in_the_bundle_are_those_of_the_mathematics(bundle):
    [row] = package.table(
        package.open_results(bundle), "activation == 'erf' and N_i == 3 and seed == 1 "
        "and spectrum == 'exact'"
    ).to_dict("records")  # fmt: skip
    network = package.sample_teacher("erf", N_i=3, N_h=3, seed=1)
    assert row["lambda_max"] == pytest.approx(np.linalg.eigvalsh(package.hessian(network))[-1])


def test_without_this_package(bundle, tmp_path):
    """Plain zip, SHA-256, Zarr, xarray and Parquet."""
    with zipfile.ZipFile(bundle) as opened:
        opened.extractall(tmp_path / "out")
    out = tmp_path / "out"
    lines = (out / "manifest-sha256.txt").read_text().splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    assert listed.keys() == names(bundle) - {"manifest-sha256.txt"}
    for name, digest in listed.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    group = zarr.open_group(
        zarr.storage.ZipStore(bundle, mode="r"), path="published/erf.zarr", mode="r"
    )
    inside = xr.open_zarr(group.store_path)
    unpacked = xr.open_zarr(out / "published" / "erf.zarr")
    assert inside.identical(unpacked)
    assert package.open_results(out).equals(package.open_results(bundle))
    assert hessweep(tmp_path, "verify", "out").returncode == 0


def test_points_as_parquet(bundle, tmp_path):
    (tmp_path / "points.parquet").write_bytes(read(bundle, "points.parquet"))
    expected = package.table(package.open_results(bundle))
    found = pd.read_parquet(tmp_path / "points.parquet")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["lambda_max"].to_numpy().tobytes() == expected["lambda_max"].to_numpy().tobytes()
    field = parquet.read_schema(tmp_path / "points.parquet").field("spectrum_time")
    assert field.metadata == {b"long_name": b"wall time of the eigenvalues", b"units": b"s"}


def test_the_study_that_was_kept_by_the_run_goes_in_without_being_named(results, tmp_path):
    bundle = tmp_path / "kept.zip"
    (results / "study" / ".tmp-left-behind").write_text("by a writer that was killed")
    (results / "study" / "link").symlink_to("/etc/hostname")
    done = hessweep(tmp_path, "export", results, bundle)
    assert (done.returncode, done.stderr) == (0, "")
    inside = {name for name in names(bundle) if name.startswith("study/")}
    assert inside == {"study/study.yaml", "study/own/hump.py"}
    assert read(bundle, "study/study.yaml").decode() == STUDY
    assert read(bundle, "study/own/hump.py").decode() == HUMP
    assert hessweep(tmp_path, "verify", bundle).returncode == 0


def test_what_is_kept_is_the_study_that_computed_points_last(computed, tmp_path):
    folder = shutil.copytree(computed, tmp_path / "study")
    shutil.copy(computed.parent / "outside.npy", tmp_path)
    kept, before = folder / "results" / "demo" / "study" / "study.yaml", STUDY
    for change, wanted in (("# a remark\n", before), ("seeds: 4", "new")):
        text = before.replace("seeds: 3", change) if change.startswith("seeds") else change + STUDY
        (folder / "study.yaml").write_text(text)
        done = hessweep(folder, "run", "study.yaml", "--workers", 1)
        assert done.returncode == 0, done.stderr
        assert kept.read_text() == (text if wanted == "new" else wanted)


def test_study_report_and_own_files_are_in_it_as_text(bundle):
    assert read(bundle, "study/study.yaml").decode() == STUDY
    assert read(bundle, "study/own/hump.py").decode() == HUMP
    assert read(bundle, "report.html") == b"<p>the report</p>"
    assert not any("outside" in name for name in names(bundle))


def test_provenance(bundle):
    said = json.loads(read(bundle, "provenance.json"))
    assert said["exported_with"]["versions"]["numpy"] == np.__version__
    groups = {group["activation"]: group for group in said["groups"]}
    assert sum(group["points"] for group in groups.values()) == 16
    erf = groups["erf"]
    # The sweep `far` has networks of the general kind, as those with biases are.
    setups = [Setup(package.activation("erf"), 2, 2, kind=kind) for kind in ("exact", "density")]
    setups.append(Setup(package.activation("erf"), 2, 2, biases="hidden"))
    assert set(erf["kernel_versions"]) == {setup.kernel_version for setup in setups}
    [machine] = erf["computed_with"]
    assert machine["processor"] == os.uname().machine
    assert "blas" in machine
    head = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    if head.returncode == 0 and (ROOT / ".git").exists():
        assert machine["commit"].removesuffix("-dirty") == head.stdout.strip()


def test_citation_says_what_the_package_says_of_the_paper(bundle):
    said = yaml.safe_load(read(bundle, "CITATION.cff"))
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    assert said["references"][1] == paper
    assert said["authors"] == [
        {"family-names": "Lovelace", "given-names": "Ada"}, {"name": "The group"},
    ]  # fmt: skip
    assert said["license"] == "CC-BY-4.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", said["date-released"])


def test_research_object_crate(bundle, tmp_path):
    """Every part that the metadata name is there, and every file of the bundle is described."""
    from rocrate.rocrate import ROCrate

    with zipfile.ZipFile(bundle) as opened:
        opened.extractall(tmp_path)
    described = ROCrate(bundle)
    parts = {entity.id for entity in described.data_entities}
    assert all((tmp_path / part).exists() for part in parts)
    folders = tuple(part for part in parts if part.endswith("/"))
    left = {name for name in names(bundle) if name not in parts and not name.startswith(folders)}
    assert left == {"ro-crate-metadata.json", "manifest-sha256.txt"}
    root = described.root_dataset
    assert [author["name"] for author in root["author"]] == ["Ada Lovelace", "The group"]
    assert root["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    graph = json.loads(read(bundle, "ro-crate-metadata.json"))["@graph"]
    known = {entity["@id"] for entity in graph}
    assert len(known) == len(graph)
    referred = re.findall(r'\{"@id": "([^"]+)"\}', json.dumps(graph))
    assert set(referred) - known == {"https://w3id.org/ro/crate/1.2"}
    table = next(entity for entity in graph if entity["@id"] == "points.parquet")
    assert int(table["contentSize"]) == (tmp_path / "points.parquet").stat().st_size


def test_provenance_counts_the_points_that_failed(results, tmp_path):
    failed = [Setup(package.activation("erf"), 2, 2).point(seed) for seed in (70, 71)]
    write_segment(results, [PointResult(point, error="ValueError: no luck") for point in failed])
    assert hessweep(tmp_path, "export", "demo", "more.zip").returncode == 0
    groups = json.loads(read(tmp_path / "more.zip", "provenance.json"))["groups"]
    names = [group["activation_spec"]["name"] for group in groups]
    counts = [(group["points"], group["failed"]) for group in groups]
    expected = {"erf": (11, 2), "quadratic": (6, 0), "hump": (1, 0)}
    assert dict(zip(names, counts, strict=True)) == expected


def test_the_crate_says_when_with_what_and_from_what_the_points_were_computed(bundle):
    graph = json.loads(read(bundle, "ro-crate-metadata.json"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    computation = entities["#computation"]
    groups = json.loads(read(bundle, "provenance.json"))["groups"]
    first, *_, last = sorted(group["published_at"] for group in groups)
    assert (computation["endTime"], first < last) == (last, True)
    [software] = [entities[one["@id"]] for one in computation["instrument"]]
    assert software["softwareVersion"].split(",")[0] == package.__version__
    files = {name for name in names(bundle) if name.startswith("study/")}
    assert {one["@id"] for one in computation["object"]} == files
    folders = {re.match(r"published/[^/]*/|segments/", name) for name in names(bundle)}
    found = {folder.group() for folder in folders if folder}
    assert {one["@id"] for one in computation["result"]} == found


def test_without_segments(results, tmp_path):
    done = hessweep(tmp_path, "export", "demo", "small.zip", "--no-segments", "--json")
    assert json.loads(done.stdout)["points"] == 16
    assert not any(name.startswith("segments") for name in names(tmp_path / "small.zip"))
    checked = hessweep(tmp_path, "verify", "small.zip", "--sample", 5)
    assert checked.returncode == 0
    assert "5 points skipped: the bundle was exported without segments" in checked.stdout


def test_what_was_stored_and_not_published_is_exported(results, tmp_path):
    for path in (results / "published").glob("erf.zarr/zarr.json"):
        path.unlink()
    assert hessweep(tmp_path, "export", "demo", "b.zip").returncode == 0
    assert len(package.table(package.open_results(tmp_path / "b.zip"))) == 16


def test_a_damaged_segment_is_not_exported(results, tmp_path):
    segment = max((results / "segments").iterdir())
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    done = hessweep(tmp_path, "export", "demo", "b.zip")
    assert done.returncode == 1
    assert "repair moves it aside" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]


WRONG = {
    "there already": (["demo", "old.zip"], "old.zip: it is there already; --force replaces it"),
    "a folder": (["demo", "folder"], "expected the path of a new file"),
    "a pipe": (["demo", "pipe", "--force"], "expected the path of a new file"),
    "in no folder": (["demo", "none/b.zip"], "expected the path of a new file"),
    "no results": (["folder", "b.zip"], "found no `segments` in it"),
    "a file": (["old.zip", "b.zip"], "found a file"),
    "licence": (["demo", "b.zip", "--license", "do what you like"], "an SPDX identifier"),
    "author": (["demo", "b.zip", "--author", " "], "expected a title and names"),
    "study": (["demo", "b.zip", "--study", "none.yaml"], "none.yaml"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_leave_everything_as_it_is(results, tmp_path, monkeypatch, capsys, wrong):
    (tmp_path / "old.zip").write_text("old")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    arguments, told = WRONG[wrong]
    monkeypatch.chdir(tmp_path)
    assert call("export", *arguments) == 2
    assert told in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "old.zip").read_text() == "old"
    assert (tmp_path / "pipe").is_fifo()


def test_force_replaces(results, tmp_path):
    (tmp_path / "old.zip").write_text("old")
    assert hessweep(tmp_path, "export", "demo", "old.zip", "--force").returncode == 0
    assert len(package.table(package.open_results(tmp_path / "old.zip"))) == 16


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_full_disk_and_a_kill_leave_the_old_file(results, tmp_path):
    (tmp_path / "old.zip").write_text("old")
    done = subprocess.run(
        [COMMAND, "export", "demo", "old.zip", "--force"],
        cwd=tmp_path, capture_output=True, text=True, check=False, preexec_fn=limit_files,
    )  # fmt: skip
    assert done.returncode == 1
    assert "old.zip" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "old.zip"]
    running = subprocess.Popen([COMMAND, "export", "demo", "old.zip", "--force"], cwd=tmp_path)
    while not list(tmp_path.glob(".tmp-*")) and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    content = (tmp_path / "old.zip").read_bytes()
    assert (
        content == b"old" or len(package.table(package.open_results(tmp_path / "old.zip"))) == 16
    )
