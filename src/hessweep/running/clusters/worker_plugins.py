"""What workers get that share no folder with the driver.

The text of an activation's own file travels with each task. Here are the data files that it reads,
and the environment of worker processes on machines that did not start from ours.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from distributed import NannyPlugin, WorkerPlugin

from hessweep.activations import own_module
from hessweep.points import count_setups
from hessweep.running import worker_environment

if TYPE_CHECKING:
    from distributed import Client, Nanny, Worker

    from hessweep.setup import Point


class WorkerVariables(NannyPlugin):
    """Gives worker processes the environment that suits our work, before they start."""

    name = "hessweep-variables"

    def setup(self, nanny: "Nanny") -> None:
        """Set the variables; Dask calls this on each worker's machine."""
        worker_environment.dask_setup(nanny)


class DataFiles(WorkerPlugin):
    """Writes the data files of one activation to disk, where a worker does not have them."""

    idempotent = True
    """Whether Dask skips one whose name, and so its content, it has already."""

    def __init__(self, file: str, data: own_module.Data) -> None:
        self.file = file
        self.data = data
        self.name = f"hessweep-data-{sha256(repr((file, data)).encode()).hexdigest()}"
        self.contents = {
            name: Path(own_module.path_of(file, name)).read_bytes()
            for name, _ in data
            if not Path(name).is_absolute()
        }

    def setup(self, worker: "Worker") -> None:
        """Write what is missing; Dask calls this in each worker process."""
        if all(own_module.hash_of(self.file, name) == digest for name, digest in self.data):
            return
        folder = Path(mkdtemp(prefix="hessweep-data-", dir=worker.local_directory))
        for name, content in self.contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        own_module.use_copy(self.file, str(folder / Path(self.file).name))


def send_data_files(client: "Client", points: "Iterable[Point]") -> None:
    """Give the workers, later ones too, the data files that the points' activations read.

    Those travel that are in the folder of the activation's file or below it.
    """
    activations: set[Any] = {setup.activation for setup in count_setups(points)}
    wanted = {(one.file, one.data) for one in activations if getattr(one, "data", ())}
    for file, data in sorted(wanted):
        # What has changed since can not be sent; the workers will say so, as local ones do.
        if all(own_module.hash_of(file, name) == digest for name, digest in data):
            client.register_plugin(DataFiles(file, data))
