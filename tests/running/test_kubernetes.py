"""What a run asks of Kubernetes. None runs here: what is built is checked by its schema."""

import sys
from copy import deepcopy
from pathlib import Path

import dask_kubernetes.operator
import jsonschema
import pytest
import yaml
from dask_kubernetes.operator import make_cluster_spec
from dask_kubernetes.operator.validation import validate_cluster_name
from distributed.cli import dask_scheduler, dask_worker

from hessweep.errors import ClusterInputError, StudyError
from hessweep.running import worker_environment
from hessweep.running.capacity import Capacity
from hessweep.running.clusters import cluster_client, planned
from hessweep.running.clusters.kubernetes import cluster_resource
from hessweep.study import KubernetesCluster, parse_study

CONFIG = KubernetesCluster(
    image="ghcr.io/me/hessweep:1", workers=20, memory="4GB", cores=2, namespace="research",
    secret="s3-of-mine",  # noqa: S106  # the name of one
)  # fmt: skip


@pytest.fixture(scope="module")
def resource() -> dict:
    return cluster_resource(CONFIG, "hessweep-0123456789ab")


def container(resource: dict, role: str) -> dict:
    [only] = resource["spec"][role]["spec"]["containers"]
    return only


def test_it_follows_the_schema_that_the_operator_installs(resource: dict) -> None:
    folder = Path(dask_kubernetes.operator.__file__).parent / "deployment/helm"
    definitions = folder / "dask-kubernetes-operator/crds/daskcluster.yaml"
    definition = yaml.safe_load(definitions.read_text())
    [version] = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    jsonschema.validate(resource, schema)
    group = definition["spec"]["group"]
    assert resource["apiVersion"] == f"{group}/{version['name']}"
    assert resource["kind"] == definition["spec"]["names"]["kind"]
    validate_cluster_name(resource["metadata"]["name"])
    # Kubernetes drops keys that it does not know, without a word.
    for role in ("scheduler", "worker"):
        pod = schema["properties"]["spec"]["properties"][role]["properties"]["spec"]
        known = pod["properties"]["containers"]["items"]["properties"]
        assert set(container(resource, role)) <= set(known)
    secret = known["envFrom"]["items"]["properties"]["secretRef"]["properties"]
    assert set(container(resource, "worker")["envFrom"][0]["secretRef"]) <= set(secret)
    broken = deepcopy(resource)
    del container(broken, "worker")["name"]
    with pytest.raises(jsonschema.ValidationError, match="'name' is a required property"):
        jsonschema.validate(broken, schema)


def test_it_differs_from_that_of_dask_kubernetes_in_what_is_ours_alone(resource: dict) -> None:
    theirs = make_cluster_spec(
        name="hessweep-0123456789ab", image=CONFIG.image, n_workers=20, idle_timeout=600
    )
    for role, ours in {
        "scheduler": {"args", "env", "resources"},
        "worker": {"args", "env", "envFrom", "resources"},
    }.items():
        mine, other = container(resource, role), container(theirs, role)
        assert {key for key in mine if mine[key] != other.get(key)} == ours
        assert set(other) <= set(mine)
        mine_without, theirs_without = (
            {key: value for key, value in part["spec"][role].items() if key != "spec"}
            for part in (resource, theirs)
        )
        assert mine_without == theirs_without
    assert resource["metadata"] == theirs["metadata"]


def test_the_commands_are_those_of_the_dask_that_is_installed(resource: dict) -> None:
    for role, command in (("scheduler", dask_scheduler.main), ("worker", dask_worker.main)):
        dask, name, *arguments = container(resource, role)["args"]
        assert (dask, name) == ("dask", role)
        where = ["tcp://127.0.0.1:8786"] * (role == "worker")
        parsed = command.make_context(name, [*arguments, *where]).params
        assert parsed["dashboard"]
        if role == "worker":
            assert parsed["nthreads"] == 1
            assert parsed["memory_limit"] == str(4 * 10**9)
            assert parsed["name"] == "$(DASK_WORKER_NAME)"


def test_workers_get_settings_size_and_secret(resource: dict) -> None:
    worker = container(resource, "worker")
    assert worker["resources"]["limits"] == {"cpu": "2", "memory": str(4 * 10**9)}
    assert worker["envFrom"] == [{"secretRef": {"name": "s3-of-mine"}}]
    env = {entry["name"]: entry["value"] for entry in worker["env"]}
    assert env["DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"] == "120s"
    assert worker_environment.__name__ in env["DASK_DISTRIBUTED__NANNY__PRELOAD"]
    assert all(isinstance(value, str) for value in env.values())
    without = cluster_resource(CONFIG.model_copy(update={"secret": None}), "x")
    assert "envFrom" not in container(without, "worker")
    assert planned(CONFIG) == Capacity(workers=20, memory=4 * 10**9)


@pytest.mark.timeout(60)
def test_where_there_is_no_kubernetes_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        pytest.raises(ClusterInputError, match=r"Kubernetes can not start a cluster .*kubectl"),
        cluster_client(CONFIG),
    ):
        pass


def test_without_the_package_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_kubernetes.operator", None)
    with (
        pytest.raises(ClusterInputError, match=r"pip install 'hessweep\[kubernetes\]'"),
        cluster_client(CONFIG),
    ):
        pass


@pytest.mark.parametrize(
    ("key", "value"),
    [("image", "a b"), ("namespace", "Ours"), ("secret", "a/b"), ("memory", "4"), ("workers", 0)],
)
def test_wrong_sections_are_refused(key: str, value: object) -> None:
    section = {"kind": "kubernetes", "image": "a", "workers": 1, "memory": "1GB", key: value}
    sweeps = {"a": {"activation": "erf", "N": 2, "seeds": 1}}
    with pytest.raises(StudyError, match=rf"cluster\.{key}: expected"):
        parse_study({"name": "a", "sweeps": sweeps, "cluster": section})
