"""Published results behind https: those of a folder, and those on a public bucket."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from certificates import write_certificate
from object_stores import new_bucket, proxying, serving, variables

from hessweep.address import Address
from hessweep.store import publish
from hessweep.store.objects.storage import ObjectStorage

from .conftest import COMMAND

SERVER = Path(__file__).with_name("server.py")

SAME = """
import sys
import xarray
import hessweep
here, there = (hessweep.open_results(place) for place in sys.argv[1:])
names = sorted(node.path for node in there.leaves)
assert len(names) == 3, names
loaded = [name for name in names if there[name]["eigenvalues"]._in_memory]
assert not loaded, "what is opened is not read yet"
assert here.equals(there)
for name, address in hessweep.store.opening.group_addresses(sys.argv[2]).items():
    plain = xarray.open_zarr(address)
    assert plain.identical(there[name].to_dataset()), name
print("same", *names)
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=["folder", "object store"])
def site(
    request: pytest.FixtureRequest,
    computed: Path,
    certificate: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of results on a server that shows the certificate."""
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        if request.param == "folder":
            command = [
                sys.executable, SERVER, computed / "results", folder / "log", "ranges", certificate
            ]  # fmt: skip
            server = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(server.terminate)
            assert server.stdout is not None
            yield f"https://127.0.0.1:{int(server.stdout.readline())}/demo"
            return
        endpoint = stack.enter_context(serving(folder))
        changed = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in variables(endpoint).items():
            changed.setenv(name, value)
        bucket = new_bucket(endpoint, public=True)
        root = Address(bucket) / "demo"
        for path in (computed / "results" / "demo" / "segments").glob("*.zip"):
            ObjectStorage(root).put(f"segments/{path.name}", path.read_bytes())
        publish(root)
        proxy = stack.enter_context(proxying(endpoint, folder, certificate))
        yield f"{proxy.endpoint}/{bucket.removeprefix('s3://')}/demo"


def told(command: list[object], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that has no credentials of any store."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [str(word) for word in command], env=kept | variables, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip


def test_results_are_those_of_the_folder_and_plain_xarray_opens_them(
    computed: Path, site: str, certificate: Path
) -> None:
    """Lazily, and all columns and eigenvalues."""
    command = [sys.executable, "-c", SAME, computed / "results" / "demo", site]
    done = told(command, SSL_CERT_FILE=str(certificate))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("same ")


def test_the_commands_read_them(computed: Path, site: str, certificate: Path) -> None:
    trusting = {"SSL_CERT_FILE": str(certificate)}
    here = computed / "results" / "demo"
    rows = "N_i == 3", "--columns", "key,lambda_max", "--format", "csv"
    there = told([COMMAND, "query", site, *rows], **trusting)
    assert there.returncode == 0, there.stderr
    assert there.stdout == told([COMMAND, "query", here, *rows]).stdout
    same = told([COMMAND, "diff", here, site, "--exactly"], **trusting)
    assert same.returncode == 0, same.stdout + same.stderr


def test_a_certificate_that_is_not_trusted_is_refused(site: str) -> None:
    done = told([COMMAND, "query", site])
    assert done.returncode == 1
    assert "can not read https://" in done.stderr
    assert "certificate" in done.stderr
    assert "SSL_CERT_FILE" in done.stderr
    assert "Traceback" not in done.stderr
