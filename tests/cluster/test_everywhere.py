"""The tiny study in a folder, on an object store, on SLURM and on a gateway: the same bits.

Workers of SLURM and of the gateway get the credentials of the object store from the driver alone.
These must be in no file.
"""

import http.client
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from faults.processes import (
    HESSWEEP,
    PATIENCE,
    ROOT,
    SNAKEMAKE,
    compute,
    finish,
    started,
    wait_until,
    workflow_folder,
)
from faults.stored import Content, contents
from object_stores import SECRET, new_bucket, proxying, serving, variables
from watching.conftest import watching

from cluster.conftest import RUN, SLURM, slurm
from cluster.gateways import RunningGateway, running_gateway
from hessweep.address import Address
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.segments import list_segments

pytestmark = pytest.mark.cluster

TINY = (ROOT / "config" / "tiny.yaml").read_text()

LARGE = """
name: tiny
sweeps:
  large: {activation: [erf, quadratic], N: [24, 28], seeds: 40}
"""

NAMES = "[AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, AWS_ALLOW_HTTP]"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def address(endpoint: str, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Address:
    """Where results are, with an environment that may use the store and the gateway."""
    for name, value in {**gateway.variables(), **variables(endpoint)}.items():
        monkeypatch.setenv(name, value)
    return Address(new_bucket(endpoint)) / "tiny"


@pytest.fixture(scope="module")
def in_a_folder(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """The tiny study in a folder, by workers on this machine."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "study.yaml").write_text(TINY)
    assert compute(folder)["failed"] == 0
    return contents(folder / "results" / "tiny")


def on_the_gateway(gateway: RunningGateway, *lines: str) -> str:
    section = ["kind: gateway", f"address: {gateway.address}", "workers: 2", *lines]
    return "\ncluster:\n" + "".join(f"  {line}\n" for line in section)


def with_the_secret(*folders: Path) -> list[Path]:
    """Return the files below these folders that hold the secret."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        try:
            if path.is_file() and SECRET.encode() in path.read_bytes():
                found.append(path)
        except FileNotFoundError:  # Removed meanwhile, as SLURM does with files of jobs.
            continue
    return found


def objects_with_the_secret(address: Address) -> list[str]:
    """Return the objects of the results that hold the secret."""
    store = ObjectStorage(address)
    names = list(store.walk(""))
    assert names
    return [name for name in names if SECRET.encode() in store.get(name, 10**9)]


def test_an_object_store_and_workers_on_this_machine(
    tmp_path: Path, address: Address, in_a_folder: Content
) -> None:
    workflow_folder(tmp_path, f"{TINY}\nresults: {address}\n")
    done = finish([*SNAKEMAKE[:1], "tables", *SNAKEMAKE[1:]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(address) == in_a_folder
    assert objects_with_the_secret(address) == []
    assert with_the_secret(tmp_path) == []


def test_an_object_store_and_workers_that_are_slurm_jobs(
    slurm_cluster: Path, tmp_path: Path, address: Address, in_a_folder: Content
) -> None:
    """SLURM keeps the environment of jobs in files, so that the secret must not be in that."""
    text = f"{TINY}\nresults: {address}\n{SLURM}  environment: {NAMES}\n"
    (tmp_path / "study.yaml").write_text(text)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: list_segments(address) or driver.poll() is not None, "a segment")
        assert with_the_secret(tmp_path, slurm_cluster) == []
        for job in slurm("squeue", "--noheader", "--states=running", "--format=%i").split():
            assert SECRET not in slurm("scontrol", "write", "batch_script", job, "-")
        assert driver.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
    assert contents(address) == in_a_folder
    assert objects_with_the_secret(address) == []
    assert with_the_secret(tmp_path, slurm_cluster) == []


def test_an_object_store_and_a_gateway(
    gateway: RunningGateway, tmp_path: Path, address: Address, in_a_folder: Content
) -> None:
    text = f"{TINY}\nresults: {address}\n{on_the_gateway(gateway, f'environment: {NAMES}')}"
    (tmp_path / "study.yaml").write_text(text)
    done = finish([*HESSWEEP, "make", "study.yaml", "--", "--cores", "2"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(address) == in_a_folder
    assert objects_with_the_secret(address) == []
    assert with_the_secret(tmp_path, gateway.folder) == []
    same = finish([*HESSWEEP, "verify", str(address), "--sample", "3"], tmp_path)
    assert same.returncode == 0, same.stdout


def test_workers_of_a_gateway_that_get_no_credentials(
    gateway: RunningGateway, tmp_path: Path, address: Address
) -> None:
    """The message says what the study may name."""
    text = f"{TINY}\nresults: {address}\n{on_the_gateway(gateway)}"
    (tmp_path / "study.yaml").write_text(text)
    done = finish(RUN, tmp_path)
    assert done.returncode == 2, done.stderr
    assert "a worker can not write s3://" in done.stderr
    assert "cluster: {environment: [AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_credentials_that_expire_while_a_gateway_computes(
    gateway: RunningGateway,
    tmp_path: Path,
    address: Address,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run ends with a message, and with new credentials the same command does the rest."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "study.yaml").write_text(LARGE)
    compute(here)
    text = f"{LARGE}\nresults: {address}\n{on_the_gateway(gateway, f'environment: {NAMES}')}"
    (tmp_path / "study.yaml").write_text(text)
    with proxying(endpoint, tmp_path) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with started(RUN, tmp_path) as driver:
            wait_until(lambda: list_segments(address), "a segment")
            proxy.make("put403 ExpiredToken")
            assert driver.wait(PATIENCE) == 2
        log = (tmp_path / "log").read_text()
        assert "a worker can not write s3://" in log
        assert "the credentials have expired (ExpiredToken); get new ones" in log
        assert SECRET not in log
        assert "Traceback" not in log
        before = len(contents(address))
        proxy.make("none")
        counts = compute(tmp_path)
        assert counts["reused"] == before > 0
        assert counts["computed"] == counts["requested"] - before > 0
        assert contents(address) == contents(here / "results" / "tiny")


@pytest.mark.parametrize("place", ["folder", "object store"])
def test_a_run_on_slurm_is_watched_from_another_process(
    slurm_cluster: Path, tmp_path: Path, address: Address, place: str
) -> None:
    """From before its first point to its last; the page holds no secret."""
    results = f"results: {address}\n" if place == "object store" else ""
    environment = f"  environment: {NAMES}\n" if results else ""
    (tmp_path / "study.yaml").write_text(f"{LARGE}{results}{SLURM}{environment}")
    seen: set[int] = set()
    with watching(tmp_path, "study.yaml", "--refresh", "0.5") as (_, page):
        assert "No results yet" in shown(page)
        with started(RUN, tmp_path) as driver:
            end = time.monotonic() + PATIENCE
            while not (found := re.search(r"([0-9]+) of 160 points computed", shown(page))) or (
                int(found[1]) < 160
            ):
                seen |= {int(found[1])} if found else set()
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)
            assert driver.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
        assert "Every point has been" in shown(page)
        assert SECRET not in shown(page)
    assert len(seen) > 1, "the page shows how far the run is while it goes on"


def shown(page: str) -> str:
    """Return the text of the live page."""
    parts = urlsplit(page)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", f"{parts.path}now")
    answer = connection.getresponse()
    assert answer.status == 200
    text = re.sub(r"<[^>]*>", " ", answer.read().decode())
    connection.close()
    return " ".join(text.split())
