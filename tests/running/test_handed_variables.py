"""Variables that workers get from the driver: named in the study, and never written."""

import os
import signal
from pathlib import Path

import pytest
from distributed import wait

from hessweep.cli import main
from hessweep.errors import ClusterInputError, StudyError
from hessweep.running.clusters import cluster_client
from hessweep.running.clusters.handed_variables import hand_over, variables_to_hand
from hessweep.running.clusters.slurm_job import job_without
from hessweep.study import GatewayCluster, LocalCluster, read_study

NAME, VALUE = "HESSWEEP_STORE_TEST", "a value that no file may hold"

STUDY = """
name: demo
results: s3://bucket/demo
sweeps: {one: {activation: erf, N: 2}}
cluster:
  kind: gateway
  address: https://127.0.0.1:9
  workers: 2
  environment: ENVIRONMENT
"""


def test_a_variable_that_is_not_set_ends_the_command_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("C", "")
    cluster = GatewayCluster(address="https://127.0.0.1:9", workers=1, environment=("A_B", "C"))
    with (
        pytest.raises(ClusterInputError, match=r"cluster\.environment names A_B, not set"),
        cluster_client(cluster),
    ):
        pass
    assert variables_to_hand(cluster, {"A_B": "1", "C": "", "D": "3"}) == {"A_B": "1", "C": ""}
    assert variables_to_hand(LocalCluster(), {"A_B": "1"}) == {}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("[AWS_REGION=eu-west-1]", "the name of an environment variable, without its value"),
        ("AWS_REGION", "environment"),
        ("{AWS_REGION: eu-west-1}", "environment"),
        ("[3]", "the name of an environment variable"),
    ],
)
def test_values_are_not_taken(tmp_path: Path, names: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("ENVIRONMENT", names))
    with pytest.raises(StudyError, match=words):
        read_study(path)
    with pytest.raises(SystemExit) as told:
        main(["plan", str(path)])
    assert told.value.code == 2


def test_workers_get_them_and_so_does_one_that_takes_the_place_of_another() -> None:
    with cluster_client(LocalCluster(workers=1)) as client:
        assert client.submit(lambda: os.environ.get(NAME), pure=False).result() is None
        hand_over(client, {NAME: VALUE})
        assert client.submit(lambda: os.environ.get(NAME), pure=False).result() == VALUE
        process = client.submit(os.getpid, pure=False).result()
        os.kill(process, signal.SIGKILL)
        found = client.submit(lambda: (os.getpid(), os.environ.get(NAME)), pure=False)
        wait(found, timeout=60)
        assert found.result()[0] != process
        assert found.result()[1] == VALUE
    assert NAME not in os.environ


def test_slurm_does_not_see_them() -> None:
    assert job_without(()).submit_command == "sbatch"
    assert job_without(("A", "B_C")).submit_command == "env -u A -u B_C sbatch"
