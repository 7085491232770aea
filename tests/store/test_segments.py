import os
import resource
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from hessweep.errors import DamagedStoreError, InputError, StoreAccessError
from hessweep.kinds import RAGGED, PointResult
from hessweep.setup import IDENTITY
from hessweep.store import read_segment, write_segment
from hessweep.store.provenance import provenance
from hessweep.store.segments import list_segments, segments_folder

from .conftest import failed, with_seed


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; return its pid. What it raises becomes exit code 1."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_plain_xarray_reads_every_bit_of_every_result(tmp_path, computed):
    name = write_segment(tmp_path, computed)
    with zarr.storage.ZipStore(tmp_path / "segments" / name) as store:
        dataset = xr.open_zarr(store).load()
    assert dataset.sizes["point"] == len(computed)
    ends = np.cumsum(dataset["row_size"].values)
    assert ends[-1] == dataset.sizes["eigenvalue"]
    for i, result in enumerate(computed):
        row, point = dataset.isel(point=i), result.point
        start = ends[i] - row["row_size"].item()
        eigenvalues = dataset["eigenvalues"].values[start : ends[i]]
        assert eigenvalues.tobytes() == np.asarray(result.eigenvalues).tobytes()
        assert row["key"].item() == point.key
        assert row["activation"].item() == point.setup.activation.label
        assert row["status"].item() == result.status
        size = (row["N_i"].item(), row["N_h"].item(), row["seed"].item(), row["weights"].item())
        assert size == (point.setup.N_i, point.setup.N_h, point.seed, point.setup.weights)
        for column in point.setup.measurement.columns if result.status == "done" else ():
            assert row[column.name].item() == result.scalars[column.name]
    assert set(dataset.coords) == {column.name for column in IDENTITY}
    assert dataset["row_size"].attrs["sample_dimension"] == "eigenvalue"
    assert dataset["spectrum_time"].attrs["units"] == "s"


def test_read_segment_is_what_plain_xarray_reads(tmp_path, computed):
    path = tmp_path / "segments" / write_segment(tmp_path, computed)
    with zarr.storage.ZipStore(path) as store:
        xr.testing.assert_identical(read_segment(path), xr.open_zarr(store).load())


def test_a_failed_point_says_so_and_has_no_numbers(tmp_path, computed):
    results = [failed(computed[0], "ValueError: σ < 0\nat line 3"), computed[1]]
    dataset = read_segment(tmp_path / "segments" / write_segment(tmp_path, results))
    row = dataset.isel(point=0)
    assert row["status"].item() == "failed"
    assert row["error"].item() == "ValueError: σ < 0\nat line 3"
    assert row["row_size"].item() == 0
    assert np.isnan(row["lambda_max"].item())
    assert row["rank"].item() == row["rank"].attrs["value_if_failed"] == -1
    assert row["rank_certificate"].item() == ""
    assert dataset.sizes["eigenvalue"] == computed[1].point.setup.P


def test_only_failed_points_make_a_segment_too(tmp_path, computed):
    path = tmp_path / "segments" / write_segment(tmp_path, [failed(computed[0])])
    assert read_segment(path).sizes == {"point": 1} | dict.fromkeys(
        (one.dimension for one in RAGGED), 0
    )


def test_results_that_are_not_results_are_refused(tmp_path, computed):
    with pytest.raises(InputError, match="at least one"):
        write_segment(tmp_path, [])
    scalars = {k: v for k, v in computed[0].scalars.items() if k != "lambda_max"}
    with pytest.raises(InputError, match=r"missing: \['lambda_max'\]"):
        write_segment(
            tmp_path, [PointResult(computed[0].point, scalars, {"eigenvalues": np.ones(6)})]
        )
    assert not list_segments(tmp_path)


def test_a_flipped_bit_in_any_region_is_found(tmp_path, computed):
    path = tmp_path / "segments" / write_segment(tmp_path, computed[:2])
    content = path.read_bytes()
    read_segment(path)
    with zipfile.ZipFile(path) as archive:
        headers = [info.header_offset for info in archive.infolist()]
        directory = archive.start_dir
    # A step of 101 bytes meets every member, their headers and the directory.
    places = {*headers, directory, len(content) - 1, *range(0, len(content), 101)}
    for place in places:
        path.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        )
        with pytest.raises(DamagedStoreError, match="not those that were written"):
            read_segment(path)


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[:0]])
def test_a_truncated_or_extended_segment_is_found(tmp_path, computed, damage):
    path = tmp_path / "segments" / write_segment(tmp_path, computed[:2])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedStoreError):
        read_segment(path)


def test_killed_writers_leave_whole_segments_and_lose_none_that_they_reported(tmp_path, computed):
    chance = np.random.default_rng(1)
    provenance()
    reported: set[str] = set()
    for round_number in range(24):
        read_end, write_end = os.pipe()

        def write_for_ever(seed: int = 1000 * round_number, write_end: int = write_end) -> None:
            while True:
                seed += 1
                name = write_segment(tmp_path, [with_seed(r, seed) for r in computed[:5]])
                os.write(write_end, f"{name}\n".encode())

        pid = in_child(write_for_ever)
        os.close(write_end)
        # However slow the machine, each writer gets to its second segment.
        reported.add(os.read(read_end, 42).decode().strip())
        time.sleep(chance.uniform(0, 0.02))
        os.kill(pid, signal.SIGKILL)
        assert exit_code(pid) == -signal.SIGKILL
        with os.fdopen(read_end) as pipe:
            reported |= set(pipe.read().split())
    stored = list_segments(tmp_path)
    assert len(reported) >= 24
    assert reported <= set(stored)
    for name in stored:
        assert read_segment(tmp_path / "segments" / name).sizes["point"] == 5


def test_two_writers_at_once_lose_nothing(tmp_path, computed):
    def write_twenty(first: int) -> None:
        for seed in range(first, first + 20):
            write_segment(tmp_path, [with_seed(computed[0], seed)])

    children = [in_child(lambda first=first: write_twenty(first)) for first in (100, 200)]
    assert [exit_code(pid) for pid in children] == [0, 0]
    seeds = [
        read_segment(tmp_path / "segments" / name)["seed"].item()
        for name in list_segments(tmp_path)
    ]
    assert sorted(seeds) == [*range(100, 120), *range(200, 220)]


def test_a_file_that_may_not_grow_is_an_error_and_leaves_nothing(tmp_path, computed):
    def write_with_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(StoreAccessError, match="ulimit -f"):
            write_segment(tmp_path, computed)

    assert exit_code(in_child(write_with_little_room)) == 0
    assert not list((tmp_path / "segments").iterdir())


def test_a_folder_without_permission_is_an_error(tmp_path, computed):
    (tmp_path / "segments").mkdir()

    def write_as_nobody() -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        (tmp_path / "segments").chmod(0o555)
        if os.geteuid() == 0:
            os.fchdir(folder)
            os.setuid(65534)
        else:
            os.chdir(tmp_path)
        with pytest.raises(StoreAccessError, match="get permission"):
            write_segment(Path(), computed)

    assert exit_code(in_child(write_as_nobody)) == 0
    assert not list((tmp_path / "segments").iterdir())


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path, computed):
    (tmp_path / "segments").write_text("")
    with pytest.raises(StoreAccessError, match="segments"):
        write_segment(tmp_path, computed)
    with pytest.raises(StoreAccessError, match="can not read"):
        read_segment(tmp_path / "absent.zarr.zip")


@pytest.mark.parametrize("gone_at", [1, 2])
def test_a_list_of_segments_does_not_mind_files_that_come_and_go(
    gone_at, tmp_path, computed, monkeypatch
):
    """Writers rename their temporary files while others list the folder."""
    name = write_segment(tmp_path, computed)
    (segments_folder(tmp_path) / ".tmp-1").touch()
    look, looks = Path.stat, []

    def stat(self, **options):
        if self.name == ".tmp-1":
            looks.append(self)
            if len(looks) == gone_at:
                self.unlink()
        return look(self, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert list(list_segments(tmp_path)) == [name]
    assert looks


@pytest.mark.parametrize("name", ["notes", "0" * 31, "0" * 33, "G" * 32, ".tmp-" + "0" * 32])
def test_only_names_that_are_digests_are_segments(tmp_path, computed, name):
    segment = write_segment(tmp_path, computed[:1])
    folder = segments_folder(tmp_path)
    (folder / f"{name}.zarr.zip").write_bytes((folder / segment).read_bytes())
    assert list(list_segments(tmp_path)) == [segment]


def test_what_is_no_result_of_its_kind_is_refused(tmp_path, computed):
    """Other types and shapes would be stored as they are, and read as something else."""
    [point] = [computed[0].point]
    for values, told in (
        (computed[0].eigenvalues.astype("float32"), "got shape (6,) of float32"),
        (computed[0].eigenvalues.reshape(2, 3), "got shape (2, 3) of float64"),
    ):
        result = PointResult(point, computed[0].scalars, {"eigenvalues": values})
        with pytest.raises(InputError) as caught:
            write_segment(tmp_path, [result])
        assert f"eigenvalues: expected one dimension of float64, {told}" in str(caught.value)


def test_a_lack_of_memory_is_no_damage(tmp_path, computed, monkeypatch):
    """A segment that does not fit into memory must not be set aside as damaged."""
    path = segments_folder(tmp_path) / write_segment(tmp_path, computed[:2])

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr("hessweep.store.flat_zarr.decode", fails)
    with pytest.raises(MemoryError):
        read_segment(path)


def test_a_file_that_is_longer_than_any_segment_is_damage(tmp_path, computed, monkeypatch):
    path = segments_folder(tmp_path) / write_segment(tmp_path, computed[:2])
    for most, longer in ((path.stat().st_size, False), (path.stat().st_size - 1, True)):
        monkeypatch.setattr("hessweep.store.segments.MAX_BYTES", most)
        if longer:
            with pytest.raises(DamagedStoreError, match="longer than any segment"):
                read_segment(path)
        else:
            assert read_segment(path).sizes["point"] == 2
