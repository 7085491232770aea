"""Studies on a real Dask Gateway: the bits of a local run, whatever happens on the way."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faults.processes import (
    PATIENCE,
    ROOT,
    compute,
    finish,
    is_running,
    started,
    wait_until,
)
from faults.processes import segments as stored_segments
from faults.stored import Content, contents, times_stored

from cluster.conftest import RUN
from cluster.gateways import RunningGateway, running_gateway
from cluster.measured import measured
from hessweep.running import verify

pytestmark = pytest.mark.cluster

SWEEPS = """
name: demo
sweeps:
  large: {activation: [erf, quadratic], N: [24, 28], seeds: 40}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_left(gateway: RunningGateway) -> Iterator[None]:
    """No test leaves a cluster, nor processes of one."""
    yield
    wait_until(lambda: not gateway.clusters(), "the clusters to be stopped", 30)
    wait_until(lambda: not worker_processes(gateway), "the workers to end", 60)


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """The study computed on this machine."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "study.yaml").write_text(SWEEPS)
    compute(folder)
    return contents(folder / "results" / "demo")


def worker_processes(gateway: RunningGateway) -> list[psutil.Process]:
    """Return the processes of all clusters: they work in folders of theirs."""
    clusters = str(gateway.folder / "clusters")
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(clusters):
                found.append(process)
        except psutil.Error:  # gone since, or a process of the kernel
            continue
    return found


def study(folder: Path, gateway: RunningGateway, *lines: str, sweeps: str = SWEEPS) -> None:
    section = ["kind: gateway", f"address: {gateway.address}", "workers: 2", *lines]
    cluster = "\n".join(f"  {line}" for line in section)
    (folder / "study.yaml").write_text(f"{sweeps}\ncluster:\n{cluster}\n")


def variables(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gateway.variables().items():
        monkeypatch.setenv(name, value)


def test_the_tiny_study_has_the_bits_of_a_local_run(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    tiny = (ROOT / "config" / "tiny.yaml").read_text()
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "study.yaml").write_text(tiny)
    compute(here)
    study(there, gateway, "auth: basic", "options: {worker_threads: 2}", sweeps=tiny)
    with measured("the tiny study on a gateway, whose start included"):
        counts = compute(there, env=gateway.variables())
    assert counts["computed"] == counts["requested"] > 0
    assert contents(there / "results" / "tiny") == contents(here / "results" / "tiny")
    assert verify(there / "results" / "tiny", sample=3).ok
    with measured("a run that finds nothing missing; no cluster is started"):
        assert compute(there, env=gateway.variables("wrong"))["computed"] == 0


def test_a_worker_that_is_killed_is_replaced(
    gateway: RunningGateway, tmp_path: Path, locally: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First a process that computes, then a worker with the process that would start another."""
    variables(gateway, monkeypatch)
    study(tmp_path, gateway)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        for is_victim in (computes, starts_workers):
            victim = next(filter(is_victim, worker_processes(gateway)))
            victim.kill()
            wait_until(lambda dead=victim: not is_running(dead), "the worker's end")
            before = stored_segments(tmp_path)
            wait_until(lambda old=before: stored_segments(tmp_path) - old, "a further segment")
        assert driver.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
    root = tmp_path / "results" / "demo"
    assert contents(root) == locally
    # What a worker had committed and not yet reported is done twice.
    assert sum(times_stored(root).values()) - len(locally) <= 60


def computes(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


def starts_workers(process: psutil.Process) -> bool:
    return "distributed.cli.dask_worker" in " ".join(process.cmdline())


def test_a_run_that_is_stopped_stops_its_cluster(
    gateway: RunningGateway, tmp_path: Path, locally: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables(gateway, monkeypatch)
    study(tmp_path, gateway)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        assert len(gateway.clusters()) == 1
        stop(driver, signal.SIGINT, tmp_path)
    assert not gateway.clusters()
    stored = contents(tmp_path / "results" / "demo")
    assert 0 < len(stored) < len(locally)
    assert stored.items() <= locally.items()


def test_a_signal_while_the_cluster_starts_leaves_none(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables(gateway, monkeypatch)
    study(tmp_path, gateway)
    with started(RUN, tmp_path) as driver:
        wait_until(gateway.clusters, "a cluster")
        stop(driver, signal.SIGTERM, tmp_path)
    assert not gateway.clusters()


def stop(driver: subprocess.Popen[bytes], number: signal.Signals, folder: Path) -> None:
    """Send a signal, upon which the run must end in order."""
    driver.send_signal(number)
    assert driver.wait(60) == 1
    log = (folder / "log").read_text()
    assert "stopped; what was computed is stored" in log
    assert "Traceback" not in log


def test_a_cluster_that_an_administrator_stops(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables(gateway, monkeypatch)
    study(tmp_path, gateway)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        [name] = gateway.clusters()
        gateway.stop(name)
        assert driver.wait(PATIENCE) == 1
    log = (tmp_path / "log").read_text()
    assert "the connection to the Dask scheduler is lost; what was computed is stored" in log
    assert "Traceback" not in log


def refused(folder: Path, gateway: RunningGateway, password: str | None = None) -> str:
    """Run the study, which must be refused before anything is computed; return the message."""
    known = {} if password is None else {"password": password}
    done = finish(RUN, folder, env=gateway.variables(**known))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not stored_segments(folder)
    assert not gateway.clusters()
    return done.stderr


def test_what_can_not_be_had_is_told(gateway: RunningGateway, tmp_path: Path) -> None:
    study(tmp_path, gateway)
    for password, message in {
        "wrong": "the gateway refuses this user: 401 Unauthorized; cluster.auth is basic: set ",
        "1234": "Dask reads gateway.auth.kwargs.password of its configuration as a number",
        "{NONE}": "the gateway section of Dask's configuration can not be used ('NONE')",
    }.items():
        told = refused(tmp_path, gateway, password)
        assert message in told
        assert "expected a Dask Gateway" not in told
    for lines, message in {
        ("options: {worker_threads: 7}",): "refuses to start a cluster: worker_threads must be",
        ("options: {gpus: 1}",): "Unknown fields ['gpus']; it offers hidden, python_path, worker",
        ("auth: jupyterhub",): "cluster.auth is jupyterhub: set JUPYTERHUB_API_TOKEN",
        ("proxy_address: 127.0.0.1:9",): "cluster.proxy_address says where",
    }.items():
        study(tmp_path, gateway, *lines)
        assert message in refused(tmp_path, gateway)
    study(tmp_path, gateway)
    text = (tmp_path / "study.yaml").read_text()
    (tmp_path / "study.yaml").write_text(text.replace("workers: 2", "workers: 4"))
    told = refused(tmp_path, gateway)
    assert "does not give 4 workers: Scale request of 4 workers would exceed resource" in told
    for address, message in {
        "http://127.0.0.1:9": "http://127.0.0.1:9: no Dask Gateway answers there",
        f"{gateway.address}/elsewhere": "expected a Dask Gateway, got the answer",
    }.items():
        (tmp_path / "study.yaml").write_text(text.replace(gateway.address, address))
        assert message in refused(tmp_path, gateway)


OWN = """
from pathlib import Path
import numpy as np
SCALE = float(np.loadtxt(Path(__file__).with_name("data") / "scale.txt"))
def wavy(x):
    return np.sin(SCALE * x)
"""


def test_workers_without_the_driver_s_folder_get_an_activation_and_its_data(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    """They see an empty folder where the study is. The results are elsewhere, in sight of all."""
    hidden, results = tmp_path / "hidden", tmp_path / "results" / "own"
    (hidden / "data").mkdir(parents=True)
    (hidden / "wavy.py").write_text(OWN)
    (hidden / "data" / "scale.txt").write_text("0.75")
    sweeps = f"""
name: own
results: {results}
sweeps:
  own: {{activation: {{name: wavy, file: wavy.py}}, N: [2, 3], seeds: 4}}
"""
    study(hidden, gateway, f"options: {{hidden: {hidden}}}", sweeps=sweeps)
    assert compute(hidden, env=gateway.variables())["computed"] == 8
    there = contents(results)
    shutil.rmtree(results)
    compute(hidden, "--cluster", "local")
    assert contents(results) == there


def test_results_in_a_folder_that_workers_do_not_share(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    study(tmp_path, gateway, f"options: {{hidden: {tmp_path}}}")
    done = finish(RUN, tmp_path, env=gateway.variables())
    assert done.returncode == 1, done.stderr
    assert "the driver does not find it there" in done.stderr
    assert "an object store, such as results: s3://" in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_with_another_version_of_the_package(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "src", other, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "hessweep" / "setup.py").open("a") as file:
        file.write("# changed\n")
    study(tmp_path, gateway, f"options: {{python_path: {other}}}")
    assert "install the same on both" in refused(tmp_path, gateway)
