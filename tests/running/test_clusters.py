"""Where points are computed: each kind of cluster, reached and refused."""

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import dask
import psutil
import pytest
from distributed import Client

from hessweep.activations import activation
from hessweep.errors import ClusterError, HessweepError, TooLargeError
from hessweep.running import run
from hessweep.running.capacity import Capacity, connected_memory
from hessweep.running.clusters import (
    VARIABLES,
    address,
    choose_cluster,
    cluster_client,
    cluster_kind,
    planned,
)
from hessweep.running.clusters.key_files import key_folder
from hessweep.running.cost import blas_threads, check_fits
from hessweep.running.credentials import new_credentials
from hessweep.setup import Setup
from hessweep.store import stored_points
from hessweep.study import (
    AddressCluster,
    ClusterConfig,
    FileCluster,
    LocalCluster,
    SlurmCluster,
)

POINTS = [Setup(activation("erf"), 3, 3).point(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def local() -> Iterator[Client]:
    with cluster_client(LocalCluster(workers=1, memory="1GB")) as client:
        yield client


def address_of(client: Client) -> str:
    return str(client.scheduler_info()["address"])


def test_a_local_worker_has_one_thread_and_its_memory(local: Client) -> None:
    assert list(local.nthreads().values()) == [1]
    assert connected_memory(local) == 10**9
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        assert local.submit(os.getenv, name).result() == "1"


def cluster_of(*workers: tuple[int, int]) -> SimpleNamespace:
    """A connected cluster whose workers have these bytes of memory and numbers of threads."""
    described = {
        f"tcp://worker-{place}": {"memory_limit": memory, "nthreads": threads}
        for place, (memory, threads) in enumerate(workers)
    }
    return SimpleNamespace(scheduler_info=lambda n_workers: {"workers": described})


@pytest.mark.parametrize(
    ("workers", "smallest"),
    [
        ([(8 * 10**9, 1), (10**9, 1), (4 * 10**9, 1)], 10**9),
        ([(8 * 10**9, 4), (3 * 10**9, 1)], 2 * 10**9),
        ([(0, 1), (5 * 10**9, 1)], 5 * 10**9),
        ([(0, 2)], None),
    ],
)
def test_a_point_must_fit_the_smallest_worker_of_a_running_cluster(workers, smallest) -> None:
    """Any worker may get it, beside a point for each other thread; 0 means without a limit."""
    assert connected_memory(cluster_of(*workers)) == smallest


def test_a_cluster_can_be_started_again_in_the_same_process(tmp_path: Path) -> None:
    """As in a notebook, where nothing else has imported distributed."""
    script = tmp_path / "twice.py"
    script.write_text(
        "from hessweep.running.clusters import cluster_client\n"
        "from hessweep.study import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    for _ in range(2):\n"
        "        with cluster_client(LocalCluster(workers=1)) as client:\n"
        "            print(client.submit(sum, [1, 2]).result())\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "3\n3\n"), done.stderr


def test_a_local_cluster_listens_on_loopback_only(local: Client) -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def blocked() -> set[int]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_interrupt_of_the_driver_does_not_reach_the_workers(local: Client) -> None:
    assert signal.SIGINT in local.submit(blocked, pure=False).result()
    local.restart()
    assert signal.SIGINT in local.submit(blocked, pure=False).result()
    assert signal.SIGINT not in blocked()


def test_a_cut_of_the_network_for_30_seconds_is_survived(local: Client) -> None:
    def timeouts() -> tuple[str, str]:
        return tuple(dask.config.get(f"distributed.comm.timeouts.{key}") for key in KEYS)

    KEYS = ("tcp", "connect")
    assert local.submit(timeouts).result() == ("120s", "60s")
    assert timeouts() == ("120s", "60s")


def test_a_running_scheduler_by_address_and_by_file(tmp_path: Path) -> None:
    from distributed import LocalCluster as DaskCluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with DaskCluster(n_workers=1, threads_per_worker=1, **options) as there, Client(there) as mine:
        by_address = AddressCluster(address=there.scheduler_address)
        assert run(POINTS[:2], tmp_path / "a", by_address).computed == 2
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"type": "Scheduler", "address": there.scheduler_address}))
        by_file = FileCluster(path=file)
        assert run(POINTS[2:], tmp_path / "a", by_file).computed == 2
        assert mine.submit(int, 3).result() == 3


def test_points_that_do_not_fit_the_workers_of_a_running_scheduler_are_refused(
    tmp_path: Path,
) -> None:
    """How much memory they have is known only when the scheduler is reached."""
    from distributed import LocalCluster as DaskCluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "memory_limit": "600MB"}
    large = Setup(activation("erf"), 80, 80).points([0])
    with DaskCluster(n_workers=1, threads_per_worker=1, **options) as there:
        by_address = AddressCluster(address=there.scheduler_address)
        with pytest.raises(TooLargeError, match="a worker of 600 MB has"):
            run(large, tmp_path, by_address)
    assert stored_points(tmp_path) == {}


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_a_local_run_refuses_clients_without_its_credentials(
    local: Client, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 1)
    processes = [local.scheduler_info()["address"], *local.nthreads()]
    assert all(process.startswith("tls://") for process in processes)
    for process in processes:
        port = process.rpartition(":")[2]
        with (
            pytest.raises(ClusterError, match="no Dask scheduler answers"),
            cluster_client(AddressCluster(address=f"{protocol}://127.0.0.1:{port}")),
        ):
            pass


def test_credentials_of_another_run_are_refused(local: Client) -> None:
    security = new_credentials()
    with pytest.raises(OSError, match="TLS certificate does not match"):
        Client(address_of(local), security=security, timeout=1, set_as_default=False)
    assert new_credentials().tls_client_key != security.tls_client_key


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")
def test_no_key_is_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not_write(*_: object, **__: object) -> None:
        pytest.fail("a temporary folder was made")

    monkeypatch.setattr("tempfile.TemporaryDirectory", must_not_write)
    credentials = new_credentials()
    for role in ("client", "scheduler", "worker"):
        context = credentials.get_listen_args(role)["ssl_context"]
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.cert_store_stats()["x509"] == 1
    assert "KEY" not in repr(credentials)


def test_a_scheduler_file_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match=r"none\.json: can not read .*No such file"),
        cluster_client(FileCluster(path=tmp_path / "none.json")),
    ):
        pass


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"address": 3', "null"])
def test_a_scheduler_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    with (
        pytest.raises(ClusterError, match=r"s\.json: expected a scheduler file"),
        cluster_client(FileCluster(path=tmp_path / "s.json")),
    ):
        pass


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_an_address_where_nothing_answers(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 1)
    with (
        pytest.raises(ClusterError, match="no Dask scheduler answers there"),
        cluster_client(AddressCluster(address=where)),
    ):
        pass
    # A file that a scheduler left behind, too, names itself.
    (tmp_path / "old.json").write_text(json.dumps({"address": where}))
    with (
        pytest.raises(ClusterError, match=r"old\.json: no Dask scheduler answers"),
        cluster_client(FileCluster(path=tmp_path / "old.json")),
    ):
        pass


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster as DaskCluster

    monkeypatch.setattr(address, "CONNECT_SECONDS", 1)
    with (
        DaskCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ClusterError, match="has no worker"),
        cluster_client(AddressCluster(address=empty.scheduler_address)),
    ):
        pass


def test_the_command_line_beats_the_environment_beats_the_study() -> None:
    study = SlurmCluster(jobs=2, cores=3, memory="6GB")
    environment = {"DASK_SCHEDULER_ADDRESS": "tcp://10.0.0.1:8786"}
    by_address = AddressCluster(address="tcp://10.0.0.1:8786")
    assert choose_cluster(study, None, {}) == study
    assert choose_cluster(study, None, environment) == by_address
    assert choose_cluster(study, "local", environment) == LocalCluster()
    assert choose_cluster(LocalCluster(workers=3), "local", {}) == LocalCluster(workers=3)
    assert choose_cluster(study, "a/s.json", {}) == FileCluster(path=Path("a/s.json"))
    for text in ("localhost:8786", "127.0.0.1:9999", "[::1]:8786"):
        assert choose_cluster(study, text, {}) == AddressCluster(address=f"tcp://{text}")
    for path in ("./a:1", "s.json", "node:8786.json", "node:8786/s.json", "a/node:8786"):
        assert choose_cluster(study, path, {}) == FileCluster(path=Path(path))
    with pytest.raises(ClusterError, match=r"^http://10.* expected local, an address such as"):
        choose_cluster(study, "http://10.0.0.1:8786", {})


@pytest.mark.parametrize("name", VARIABLES)
def test_messages_name_the_environment_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClusterError, match=rf"from the environment variable {name}\): expected"):
        choose_cluster(LocalCluster(), None, {name: "http://10.0.0.1:8786"})
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(address, "CONNECT_SECONDS", 1)
    monkeypatch.setenv(name, "127.0.0.1:9")
    stale = choose_cluster(LocalCluster())
    with (
        pytest.raises(
            ClusterError, match=rf"answers there.*the environment variable {name} names"
        ),
        cluster_client(stale),
    ):
        pass
    with (
        pytest.raises(ClusterError) as told,
        cluster_client(AddressCluster(address="tcp://127.0.0.1:10")),
    ):
        pass
    assert name not in str(told.value)


def test_an_unknown_kind_is_refused() -> None:
    unknown = LocalCluster.model_construct(kind="dask-gateway")
    for use in (planned, lambda config: cluster_client(config).__enter__()):
        with pytest.raises(ClusterError, match="no kind of cluster is named 'dask-gateway'"):
            use(unknown)


def test_every_kind_of_a_study_has_its_module() -> None:
    for kind in get_args(get_args(ClusterConfig)[0]):
        module = cluster_kind(kind.model_construct())
        assert module.__name__.endswith(f".{kind.model_fields['kind'].default}")
        assert callable(module.plan)
        assert callable(module.open_client)


def test_what_is_known_of_workers_before_they_start() -> None:
    slurm = SlurmCluster(jobs=2, cores=3, memory="6GB")
    assert planned(slurm) == Capacity(workers=6, memory=2 * 10**9)
    local = planned(LocalCluster(workers=2))
    assert local is not None
    assert local.workers == 2
    assert 0 < local.memory <= psutil.virtual_memory().total / 2
    assert planned(AddressCluster(address="tcp://10.0.0.1:8786")) is None
    assert planned(FileCluster(path=Path("s.json"))) is None


def test_a_large_point_gets_the_memory_and_the_threads_of_several_workers(monkeypatch) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", 8)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 32 * 2**30)
    erf = activation("erf")
    small, large, huge = (Setup(erf, 3, N_h).point(0) for N_h in (100, 3_000, 10_000))
    assert [blas_threads(point.setup) for point in (small, large)] == [1, 2]
    assert planned(LocalCluster()) == Capacity(8, 4 * 2**30)
    assert planned(LocalCluster(), [small, large]) == Capacity(4, 8 * 2**30)
    assert [planned(LocalCluster(), [point]).workers for point in (small, huge)] == [8, 1]
    check_fits([large], planned(LocalCluster(), [large]).memory)
    assert planned(LocalCluster(), [small], cores=3).workers == 3
    assert planned(LocalCluster(memory="12GB"), [small]) == Capacity(2, 12 * 10**9)
    # What the study gives stands.
    assert planned(LocalCluster(workers=8), [large]).workers == 8
    assert planned(SlurmCluster(jobs=2, cores=3, memory="6GB"), [large]).workers == 6


def test_a_script_without_a_main_guard_says_so(tmp_path: Path) -> None:
    script = tmp_path / "no_guard.py"
    script.write_text(
        "from hessweep.activations import activation\n"
        "from hessweep.running import run\n"
        "from hessweep.setup import Setup\n"
        f"run([Setup(activation('erf'), 3, 3).point(0)], {str(tmp_path / 'results')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 1
    assert "needs a main guard" in done.stderr.splitlines()[-1]


def test_slurm_without_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ClusterError, match="there is no sbatch here"),
        cluster_client(SlurmCluster(jobs=1, memory="1GB"), tmp_path),
    ):
        pass


SBATCH = """#!/bin/sh
# Keeps the job script, which is removed after submission, and runs it at once.
for script; do :; done
if [ "$1" = --test-only ]; then
    grep -q "^#SBATCH -p nowhere" "$script" || exit 0
    echo "sbatch: error: invalid partition specified: nowhere" >&2
    exit 1
fi
cp "$script" "$SPOOL/job.sh"
setsid sh "$SPOOL/job.sh" >"$SPOOL/job.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/sh\nkill -- "-$1" 2>/dev/null || kill "$1"\n'


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for sbatch and scancel; the tests marked `cluster` use a real SLURM."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SPOOL", str(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"queue": "nowhere"}, "SLURM refuses .* invalid partition specified: nowhere; see queue"),
        ({"interface": "eth99"}, "'eth99' is not a valid network interface.*cluster.interface"),
        ({"folder": Path("/proc/nowhere")}, "can not keep what SLURM jobs write in /proc/nowhere"),
    ],
)
@pytest.mark.timeout(60)
def test_slurm_that_can_not_work_says_why(
    tmp_path: Path, fake_slurm: None, wrong: dict, message: str
) -> None:
    config = SlurmCluster(**({"jobs": 1, "memory": "1GB", "interface": "lo"} | wrong))
    with pytest.raises(HessweepError, match=message), cluster_client(config, tmp_path):
        pass
    assert not (tmp_path / "job.sh").exists()
    assert not list(tmp_path.rglob("test-only.sh"))


@pytest.mark.timeout(90)
def test_slurm_workers_join_over_tls(
    tmp_path: Path, fake_slurm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 2)
    config = SlurmCluster(
        jobs=1, memory="1GB", queue="main", walltime="00:05:00", interface="lo",
        prologue=["export FROM_PROLOGUE=yes"], directives=["--constraint=fast"],
    )  # fmt: skip
    with cluster_client(config, tmp_path) as client:
        [keys] = (tmp_path / "slurm").glob(".keys-*")
        assert stat.S_IMODE(keys.stat().st_mode) == stat.S_IRWXU
        files = [path for path in keys.iterdir() if path.suffix == ".pem"]
        assert len(files) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert run(POINTS, tmp_path / "results", client).computed == len(POINTS)
        assert client.submit(os.getenv, "FROM_PROLOGUE").result() == "yes"
        assert client.submit(dask.config.get, "distributed.comm.timeouts.tcp").result() == "120s"
        where = address_of(client)
        assert where.startswith("tls://")
        with (
            pytest.raises(ClusterError, match="no Dask scheduler answers"),
            cluster_client(AddressCluster(address=where)),
        ):
            pass
    script = (tmp_path / "job.sh").read_text()
    for line in ("-p main", "--mem=954M", "-t 00:05:00", "--constraint=fast"):
        assert f"#SBATCH {line}" in script
    assert not keys.exists()


HOLD_KEYS = """
import sys, time
from pathlib import Path
from hessweep.running.clusters.key_files import key_folder
with key_folder(Path(sys.argv[1])) as folder:
    (folder / "key").write_text("secret")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_key_files_of_a_killed_run_are_removed_by_the_next(tmp_path: Path) -> None:
    """Those of a run that lives stay."""
    command = [sys.executable, "-c", HOLD_KEYS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        left = Path(first.stdout.readline().strip())
        with key_folder(tmp_path) as own:
            assert own.exists()
            assert (left / "key").exists()
        assert not own.exists()
        first.kill()
        first.wait()
        assert (left / "key").read_text() == "secret"
    with key_folder(tmp_path):
        assert not left.exists()
