"""How many cores the workflow's job for a sweep takes."""

from dataclasses import replace

import pytest

from hessweep.activations import activation
from hessweep.kinds import TIMES
from hessweep.running.estimate import STARTING_SECONDS, cores_of_job, estimate
from hessweep.setup import Setup
from hessweep.store import publish, write_segment
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


POINTS = Setup(activation("erf"), 3, 3).points(range(4))


def test_an_estimate_counts_what_is_missing_and_says_how_sure_it_is(tmp_path, monkeypatch):
    """With a clock of its own: a point takes ten seconds, as those that are stored did."""
    first = [replaced_times(POINTS[0].compute(), 10.0)]
    write_segment(tmp_path, first)
    publish(tmp_path)
    local = LocalCluster(workers=2)
    told = estimate(POINTS, tmp_path, local)
    assert told == "3 points to compute, about 15 s with 2 workers, and some seconds to start"
    assert estimate(lambda: POINTS, tmp_path, local) == f"at least {told}"
    elsewhere = AddressCluster(address="tcp://10.0.0.1:8786")
    told = estimate(POINTS[:2], tmp_path, elsewhere)
    assert told == "1 point to compute, about 10 s on one core"
    assert estimate(POINTS[:1], tmp_path, local) == ""


def test_an_estimate_of_little_is_less_than_a_second(tmp_path):
    told = estimate(POINTS[:1], tmp_path, LocalCluster(workers=1))
    assert told.startswith("1 point to compute, less than a second with 1 worker, and")


def replaced_times(result, seconds):
    scalars = dict(result.scalars)
    times = [name for name in TIMES if name in scalars]
    scalars |= dict.fromkeys(times, 0.0) | {times[0]: seconds}
    return replace(result, scalars=scalars)
