"""The exception tree: every error reaches the driver as it was raised on a worker."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator

import cloudpickle
import pytest
from distributed.protocol import deserialize, serialize

from hessweep.errors import HessweepError, StoreAccessError


def tree(kind: type[HessweepError] = HessweepError) -> Iterator[type[HessweepError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def by_dask(error: object) -> object:
    return deserialize(*serialize(error))


@pytest.mark.parametrize("kind", sorted(set(tree()), key=lambda kind: kind.__name__))
@pytest.mark.parametrize(
    "copy",
    [
        lambda error: pickle.loads(pickle.dumps(error)),  # noqa: S301
        lambda error: cloudpickle.loads(cloudpickle.dumps(error)),
        by_dask,
    ],
)
def test_every_error_survives_pickling(
    kind: type[HessweepError], copy: Callable[[object], object]
) -> None:
    error = kind("no room; make some")
    error.add_note("on the worker")
    found = copy(error)
    assert type(found) is kind
    assert (str(found), found.args) == (str(error), error.args)
    assert found.__notes__ == ["on the worker"]


SCRIPT = """
import multiprocessing, pickle, sys
import hessweep.errors
if "dask first" in sys.argv:
    import tblib.pickling_support
    tblib.pickling_support.install()  # as Dask does when it is loaded
def send(name, queue):
    try:
        raise getattr(hessweep.errors, name)("it is full")
    except hessweep.errors.HessweepError as error:
        queue.put(pickle.dumps(error))
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    for name in sys.argv[1].split(","):
        process = context.Process(target=send, args=(name, queue))
        process.start()
        error = pickle.loads(queue.get(timeout=60))
        process.join()
        assert type(error) is getattr(hessweep.errors, name), error
        assert str(error) == "it is full", error
    print("all came back")
"""


@pytest.mark.parametrize("order", ["dask first", "without Dask"])
def test_errors_come_back_from_a_spawned_process(order: str, tmp_path) -> None:
    """Those whose bases have different layouts in memory: tblib can not make them by itself."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, "StoreAccessError,TooLargeError", order],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "all came back\n"), done.stderr


def test_an_access_error_is_an_os_error() -> None:
    assert isinstance(StoreAccessError("x"), OSError)
