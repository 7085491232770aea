"""How many cores the workflow's job for a sweep takes."""

import pytest

from hessweep.running.estimate import STARTING_SECONDS, cores_of_job
from hessweep.study import AddressCluster, LocalCluster, Study, Sweep


def cores_of(seeds, cluster=None, **cells):
    sweep = Sweep(**{"activation": "erf", "N": 5, "seeds": seeds, **cells})
    study = Study(name="one", sweeps={"sweep": sweep}, cluster=cluster or LocalCluster())
    return cores_of_job(study, "sweep", 8)


@pytest.fixture(autouse=True)
def no_cluster_named(monkeypatch):
    monkeypatch.delenv("HESSWEEP_CLUSTER", raising=False)
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)


def test_short_sweeps_take_one_core_and_others_all():
    [setup] = Sweep(activation="erf", N=5, seeds=1).setups()
    seconds = 1e-4 + setup.cost.seconds
    few, many = int(0.9 * STARTING_SECONDS / seconds), int(1.1 * STARTING_SECONDS / seconds)
    assert cores_of(few) == 1
    assert cores_of(many) == 8
    # The same number of seeds, at two sizes.
    assert cores_of(few, N=[5, 6]) == 8


def test_where_a_study_says_how_many_workers_it_gets_all_cores():
    assert cores_of(1, LocalCluster(workers=1)) == 8
    assert cores_of(1, AddressCluster(address="tcp://10.0.0.1:8786")) == 8


def test_where_the_environment_names_a_cluster_jobs_go_one_after_the_other(monkeypatch):
    monkeypatch.setenv("HESSWEEP_CLUSTER", "tcp://10.0.0.1:8786")
    assert cores_of(1) == 8
