"""Where a study runs: the `cluster` section."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from hessweep.study.messages import quote
from hessweep.study.paths import PlainPath
from hessweep.study.section import Section

_UNITS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4}
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kMGT]?)(i?)B")


def read_memory(value: Any) -> int:
    """Return the bytes of a text such as `"4GB"` or `"512 MiB"`."""
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    size = float(match[1]) * (1024 if match[3] else 1000) ** _UNITS[match[2]] if match else 0
    if not 1e8 <= size < 1e16:
        raise ValueError(f'expected memory of at least 100MB, such as "4GB", got {quote(value)}')
    return int(size)


def _matching(pattern: str, expected: str) -> PlainValidator:
    """Return what takes texts that match, and refuses any other value with what is expected."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}, got {quote(value)}")
        return value

    return PlainValidator(check)


_WALLTIME = r"([0-9]+-)?[0-9]{1,3}(:[0-9]{2}){1,2}"
_ADDRESS = r"(tcp|tls|ws|wss|ucx)://[^\s/]+:[0-9]+"

_WEB_ADDRESS = r"https?://[^\s/@]+(/[^\s?#@]*)?"
_HOST_AND_PORT = r"(gateway://)?[^\s/@:]+:[0-9]+"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_KUBERNETES_NAME = r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"

Walltime = Annotated[
    str,
    _matching(
        _WALLTIME,
        'a time in quotes, such as "04:00:00" for four hours or "2-00:00:00" for two days',
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_WALLTIME}$"}),
]
Address = Annotated[
    str,
    _matching(_ADDRESS, "the address of a Dask scheduler, such as tcp://10.0.0.1:8786"),
    WithJsonSchema({"type": "string", "pattern": f"^{_ADDRESS}$"}),
]
Memory = Annotated[
    int,
    PlainValidator(read_memory),
    PlainSerializer(lambda size: f"{size}B"),
    WithJsonSchema({"type": "string"}),
]
WebAddress = Annotated[
    str,
    _matching(_WEB_ADDRESS, "an address such as https://gateway.example.org, without a password"),
    WithJsonSchema({"type": "string", "pattern": f"^{_WEB_ADDRESS}$"}),
]
ProxyAddress = Annotated[
    str,
    _matching(_HOST_AND_PORT, "a host with a port, such as gateway.example.org:8786"),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOST_AND_PORT}$"}),
]
KubernetesName = Annotated[
    str,
    _matching(_KUBERNETES_NAME, "a name of Kubernetes: lower-case letters, digits, '-' and '.'"),
    WithJsonSchema({"type": "string", "pattern": f"^{_KUBERNETES_NAME}$"}),
]
Image = Annotated[
    str,
    _matching(r"[^\s]+", "the name of a container image, such as ghcr.io/me/hessweep:1"),
    WithJsonSchema({"type": "string"}),
]
VariableName = Annotated[
    str,
    _matching(
        _VARIABLE, "the name of an environment variable, without its value, such as AWS_REGION"
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE}$"}),
]
Count = Annotated[int, Field(ge=1, le=10_000)]
Patience = Annotated[int, Field(ge=1, le=86_400)]


class LocalCluster(Section):
    """Processes on this machine; nothing to start, nothing listens beyond loopback."""

    kind: Literal["local"] = "local"
    workers: Count | None = None
    """One a core where not given."""
    memory: Memory | None = None
    """Of each worker; the machine's memory, divided among them, where not given."""


class AddressCluster(Section):
    """A Dask scheduler that runs already."""

    kind: Literal["address"] = "address"
    address: Address


class FileCluster(Section):
    """A Dask scheduler that runs already and wrote `--scheduler-file`."""

    kind: Literal["file"] = "file"
    path: PlainPath


class SlurmCluster(Section):
    """Workers that are submitted to SLURM as jobs."""

    kind: Literal["slurm"] = "slurm"
    jobs: Count
    """Held at this number: a job that ends early is replaced."""
    cores: Count = 1
    """Of each job, one single-threaded worker process a core."""
    memory: Memory
    """Of each job."""
    walltime: Walltime = "01:00:00"
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    """Network interface that scheduler and workers share, such as ib0."""
    folder: PlainPath | None = None
    """Where jobs put their logs and scratch files; `slurm` in the results folder if None."""
    prologue: tuple[str, ...] = Field(default=(), strict=False)
    """Shell lines that a job runs first, such as `module load python`."""
    directives: tuple[str, ...] = Field(default=(), strict=False)
    """Further `#SBATCH` options, such as `--constraint=skylake`."""
    environment: tuple[VariableName, ...] = Field(default=(), strict=False)
    """Names of variables that workers get from the driver over its connection, and not from the
    job's environment, which SLURM keeps in files."""


class GatewayCluster(Section):
    """A cluster that a running Dask Gateway starts for this run, and stops at its end.

    The password or token is no part of it: Dask's configuration or the environment holds that.
    """

    kind: Literal["gateway"] = "gateway"
    address: WebAddress
    """The address of the gateway server."""
    proxy_address: ProxyAddress | None = None
    """Where the gateway passes connections on to schedulers; that of the server if None."""
    workers: Count
    """Held at this number: the gateway replaces a worker that dies."""
    auth: Literal["basic", "jupyterhub", "kerberos"] | None = None
    """How the gateway knows the user; what Dask's configuration says if None."""
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Options of the cluster, of those that this gateway offers."""
    environment: tuple[VariableName, ...] = Field(default=(), strict=False)
    """Names of variables of the driver's environment that the workers get, such as
    AWS_SECRET_ACCESS_KEY."""
    patience: Patience = 900
    """Seconds that the scheduler, and then the first worker, may take to start."""


class KubernetesCluster(Section):
    """A cluster that the Dask operator of a Kubernetes starts for this run."""

    kind: Literal["kubernetes"] = "kubernetes"
    image: Image
    """The container image, with this version of hessweep in it."""
    workers: Count
    memory: Memory
    """Of each worker."""
    cores: Count = 1
    """Of each worker. It computes one point at a time; products of large ones use several."""
    namespace: KubernetesName | None = None
    """That of the current context if None."""
    secret: KubernetesName | None = None
    """A Secret whose entries the workers find in their environment, such as AWS_ACCESS_KEY_ID."""
    patience: Patience = 900
    """Seconds that the scheduler, and then the first worker, may take to start."""


def _or_text(schema: dict[str, Any]) -> None:
    """Let the JSON schema of the section take a text, too."""
    mapping = {key: schema.pop(key) for key in ("discriminator", "oneOf") if key in schema}
    schema["anyOf"] = [mapping, {"type": "string", "enum": ["local"]}]


ClusterConfig = Annotated[
    LocalCluster
    | AddressCluster
    | FileCluster
    | SlurmCluster
    | GatewayCluster
    | KubernetesCluster,
    # As a text it is the kind of cluster, which is enough where all other keys have defaults.
    Field(discriminator="kind", json_schema_extra=_or_text),
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]
