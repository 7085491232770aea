"""Results behind an address, served by another process that logs what it was asked for."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import xarray as xr
from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

import hessweep as package
from hessweep.errors import DamagedStoreError, QueryError, StoreAccessError
from hessweep.store.remote import open_remote

from .conftest import call, hessweep

SERVER = Path(__file__).with_name("server.py")


@dataclass(frozen=True)
class Site:
    address: str
    log: Path

    def requests(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextmanager
def serve(folder: Path, log: Path, mode: str = "ranges") -> Iterator[Site]:
    command = [sys.executable, SERVER, folder, log, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Site(f"http://127.0.0.1:{int(server.stdout.readline())}", log)
        finally:
            server.terminate()


@pytest.fixture
def site(computed, tmp_path) -> Iterator[Site]:
    with serve(computed / "results", tmp_path / "requests") as found:
        yield found


@pytest.mark.parametrize("place", ["demo", "demo/", "demo/published"])
def test_results_are_those_of_the_folder(computed, site, place):
    found = package.open_results(f"{site.address}/{place}")
    assert found.equals(package.open_results(computed / "results" / "demo"))


def test_plain_xarray_opens_the_same(computed, site):
    address = f"{site.address}/demo/published/erf.zarr"
    plain = xr.open_zarr(address)
    [one] = package.open_results(address).leaves
    assert one.to_dataset().identical(plain)
    assert plain.equals(xr.open_zarr(computed / "results" / "demo" / "published" / "erf.zarr"))


def test_only_what_is_asked_for_is_fetched(site):
    results = package.open_results(f"{site.address}/demo")
    package.table(results, "N_i == 2", ["seed", "rank"])
    asked = {line.split()[1].split("published/")[-1] for line in site.requests()}
    chunks = {path.split("/")[1] for path in asked if "/c" in path}
    assert chunks == {"N_i", "seed", "rank"}


def test_the_command(computed, site):
    rows = "N_i == 3", "--columns", "key,lambda_max", "--format", "csv"
    found = hessweep(computed, "query", f"{site.address}/demo", *rows)
    assert found.returncode == 0, found.stderr
    assert found.stdout == hessweep(computed, "query", "results/demo", *rows).stdout
    same = hessweep(computed, "diff", "results/demo", f"{site.address}/demo")
    assert same.returncode == 0, same.stderr


def test_a_chunk_that_is_not_there_is_no_fill_value(results, tmp_path):
    [chunk] = (results / "published" / "erf.zarr" / "lambda_max").rglob("*0")
    chunk.unlink()
    with serve(tmp_path, tmp_path / "log") as site:
        opened = package.open_results(f"{site.address}/demo")
        with pytest.raises(DamagedStoreError, match="it is missing"):
            package.table(opened)


def test_changed_metadata_are_damage(results, tmp_path):
    path = results / "published" / "erf.zarr" / "zarr.json"
    path.write_text(path.read_text().replace('"erf"', '"erg"', 1))
    with serve(tmp_path, tmp_path / "log") as site, pytest.raises(DamagedStoreError):
        package.open_results(f"{site.address}/demo")


def test_a_server_that_refuses(results, tmp_path):
    with serve(tmp_path, tmp_path / "log", "broken") as site:
        opened = package.open_results(f"{site.address}/demo")
        with pytest.raises(StoreAccessError, match="503"):
            package.table(opened)


@pytest.mark.parametrize("mode", ["ranges", "whole"])
@pytest.mark.parametrize("asked", [RangeByteRequest(3, 10), SuffixByteRequest(4)])
def test_parts_of_files(results, tmp_path, mode, asked):
    """As Zarr asks for them where an array has many chunks; a whole file is not taken for one."""
    group = results / "published" / "erf.zarr"
    [chunk] = (group / "key").rglob("*0")
    content = chunk.read_bytes()
    expected = content[3:10] if isinstance(asked, RangeByteRequest) else content[-4:]
    with serve(group, tmp_path / "log", mode) as site:
        name = chunk.relative_to(group).as_posix()
        reading = open_remote(site.address).get(name, default_buffer_prototype(), asked)
        if mode == "ranges":
            assert sync(reading).to_bytes() == expected
        else:
            with pytest.raises(StoreAccessError, match="range requests"):
                sync(reading)


def test_wrong_addresses(site, capsys):
    for place, error in (
        ("none", "no list of published groups"),
        ("demo/published/none.zarr", "no published group"),
        ("bundle.zip", "fetch it first"),
    ):
        with pytest.raises(QueryError, match=error):
            package.open_results(f"{site.address}/{place}")
        assert call("query", f"{site.address}/{place}") == 2
        assert error in capsys.readouterr().err
    assert call("query", "http://127.0.0.1:9/results") == 1
    assert "check the address and the network" in capsys.readouterr().err
