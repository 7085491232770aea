"""What a results folder and results on an object store must both do.

Data are planted, read and removed behind the store's own code: by file calls and by plain HTTP.
"""

import multiprocessing
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import xarray as xr

from hessweep.activations import activation
from hessweep.address import Address
from hessweep.errors import DamagedStoreError, QueryError, StoreError
from hessweep.setup import Setup
from hessweep.store import (
    DamagedSegmentWarning,
    inspect,
    open_results,
    publish,
    published_digests,
    read_segment,
    repair,
    stored_points,
    write_segment,
)
from hessweep.store.index import read_index
from hessweep.store.opening import group_addresses
from hessweep.store.reservations import MAX_LOCKS, _ranges, reserve
from hessweep.store.segments import encode_segment, has_segment, list_segments, segments_folder
from hessweep.store.waiting import WaitingWarning

from .conftest import failed, with_seed
from .places import FolderPlace
from .test_publish import assert_holds, of


def opened(place, name="erf"):
    return open_results(place.root)[name].to_dataset()


def plain(place, name="erf"):
    """The group as xarray and Zarr open it without this package."""
    address = group_addresses(place.root)[name]
    if isinstance(place, FolderPlace):
        return xr.open_zarr(address, chunks=None)
    from obstore.store import from_url
    from zarr.storage import ObjectStore

    store = from_url(address, client_options={"allow_http": True})
    return xr.open_zarr(ObjectStore(store, read_only=True), chunks=None)


def flip(place, name):
    content = bytearray(place.read(name))
    content[len(content) // 2] ^= 1
    place.plant(name, bytes(content))


def kinds(place):
    return [problem.kind for problem in inspect(place.root).problems]


def test_nothing_is_stored_at_first(place):
    assert stored_points(place.root) == {}
    assert list_segments(place.root) == {}
    assert publish(place.root) is False
    with pytest.raises(QueryError, match="nothing published"):
        open_results(place.root)
    assert place.names() == []


def test_a_segment_is_one_file_that_is_named_by_its_bytes(place, computed):
    name, content = encode_segment(computed[:4])
    place.plant(f"segments/{name}", content)
    assert list_segments(place.root) == {name: len(content)}
    assert has_segment(place.root, name)
    assert not has_segment(place.root, f"{'0' * 32}.zarr.zip")
    found = read_segment(segments_folder(place.root) / name)
    assert found["key"].values.tolist() == [result.point.key for result in computed[:4]]
    other = write_segment(place.root, computed[4:6])
    assert place.names() == sorted([f"segments/{name}", f"segments/{other}"])
    place.remove(f"segments/{name}")
    assert list(list_segments(place.root)) == [other]


def test_a_segment_that_is_written_twice_is_there_once(place, computed):
    name, content = encode_segment(computed[:4])
    for _ in range(2):
        place.plant(f"segments/{name}", content)
    assert stored_points(place.root) == {r.point.key: "done" for r in computed[:4]}


def test_the_index_follows_what_is_there(place, computed):
    first = write_segment(place.root, computed[:4])
    assert len(stored_points(place.root)) == 4
    write_segment(place.root, computed[4:6])
    assert len(stored_points(place.root)) == 6
    place.remove(f"segments/{first}")
    assert len(stored_points(place.root)) == 2
    place.plant("index.cache", b"no index")
    assert len(stored_points(place.root)) == 2


def test_done_wins_over_failed(place, computed):
    write_segment(place.root, [computed[0]])
    write_segment(place.root, [failed(computed[0])])
    assert stored_points(place.root) == {computed[0].point.key: "done"}


def test_what_is_published_is_what_was_computed_to_the_bit(filled, computed):
    for name in ("erf", "linear"):
        assert_holds(opened(filled, name).load(), of(computed[:12], name))
        assert plain(filled, name).load().identical(opened(filled, name).load())
    assert publish(filled.root) is False
    assert kinds(filled) == []


def test_two_places_hold_the_same(filled, tmp_path, computed):
    for name in list_segments(filled.root):
        path = tmp_path / "copy" / "segments" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(filled.read(f"segments/{name}"))
    publish(tmp_path / "copy")
    one, other = open_results(filled.root), open_results(tmp_path / "copy")
    assert one.equals(other)
    assert published_digests(filled.root) == published_digests(tmp_path / "copy")


def test_only_what_has_changed_is_published_anew(filled, computed):
    before = filled.groups()
    digests = published_digests(filled.root)
    write_segment(filled.root, [with_seed(of(computed, "erf")[0], 99)])
    assert publish(filled.root) is True
    changed = {name for name, digest in published_digests(filled.root).items()
               if digest != digests[name]}  # fmt: skip
    assert changed == {"erf"}
    if not isinstance(filled, FolderPlace):
        moved = {name for name, where in filled.groups().items() if where != before[name]}
        assert moved == {"erf.zarr"}
    assert opened(filled)["seed"].values.tolist().count(99) == 1


def test_a_group_without_points_is_no_longer_published(filled, computed):
    for name in list_segments(filled.root):
        filled.remove(f"segments/{name}")
    write_segment(filled.root, of(computed, "erf")[:2])
    assert publish(filled.root) is True
    assert list(open_results(filled.root)) == ["erf"]
    assert kinds(filled) == []


def test_a_reader_keeps_its_version_or_gets_an_error_and_never_fill_values(filled, computed):
    """Readers that hold an old version, through this package and without it."""
    before = opened(filled)["lambda_min"].values
    readers = [opened(filled), plain(filled)]
    outcomes = []
    for seed in (70, 71, 72):
        new = Setup(activation("erf"), 2, 2).point(seed).compute()
        write_segment(filled.root, [new])
        assert publish(filled.root)
        for reader in readers:
            fresh = reader.copy(deep=False)
            try:
                values = fresh["lambda_min"].copy(deep=True).values
            except Exception as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("read")
                assert values.tobytes() == before.tobytes()
    assert outcomes[:2] == ["read", "read"]
    assert "read" not in outcomes[2:] or isinstance(filled, FolderPlace)
    assert opened(filled)["seed"].values.tolist().count(72) == 1


@pytest.mark.parametrize("spoil", ["flip", "remove"])
def test_a_damaged_chunk_is_an_error_and_is_repaired(filled, spoil):
    good = opened(filled).load()
    where = filled.groups()["erf.zarr"]
    name = next(n for n in filled.names() if n.startswith(f"{where}/eigenvalues/c"))
    flip(filled, name) if spoil == "flip" else filled.remove(name)
    with pytest.raises((ValueError, StoreError)):
        opened(filled)["eigenvalues"].load()
    assert set(kinds(filled)) == {"damaged published"}
    assert repair(filled.root).published
    assert kinds(filled) == []
    assert opened(filled).load().equals(good)


def test_damaged_metadata_are_an_error_and_are_repaired(filled):
    good = opened(filled).load()
    name = f"{filled.groups()['erf.zarr']}/zarr.json"
    filled.plant(name, filled.read(name).replace(b'"erf"', b'"exp"'))
    with pytest.raises(DamagedStoreError, match="changed since it was published"):
        open_results(filled.root)
    assert "damaged published" in kinds(filled)
    repair(filled.root)
    assert opened(filled).load().equals(good)


def test_a_damaged_segment_is_left_out_set_aside_and_computed_again(filled, computed):
    name = next(iter(list_segments(filled.root)))
    flip(filled, f"segments/{name}")
    spoilt = filled.read(f"segments/{name}")
    filled.remove("index.cache")
    with pytest.warns(DamagedSegmentWarning, match=name):
        assert len(stored_points(filled.root)) == 8
    assert "damaged segment" in kinds(filled)
    moved = repair(filled.root).moved
    assert [path.as_posix() for path in moved] == [f"segments/damaged/{name}"]
    assert filled.read(f"segments/damaged/{name}") == spoilt
    assert kinds(filled) == []
    for start in (0, 4, 8):
        write_segment(filled.root, computed[start : start + 4])
    publish(filled.root)
    assert len(read_index(filled.root).points["key"].unique()) == 12


def test_a_second_damaged_segment_of_one_name_does_not_replace_the_first(filled):
    name = next(iter(list_segments(filled.root)))
    filled.plant(f"segments/damaged/{name}", b"the first")
    flip(filled, f"segments/{name}")
    [moved] = repair(filled.root).moved
    assert filled.read(f"segments/damaged/{name}") == b"the first"
    assert moved.as_posix() == f"segments/damaged/{name}.1"


def test_a_foreign_file_is_named_and_left_alone(filled):
    where = filled.groups()["erf.zarr"]
    foreign = ["segments/notes.txt", f"{where}/mine.txt", "published/notes.txt"]
    for name in foreign:
        filled.plant(name, b"mine")
    problems = inspect(filled.root).problems
    assert {problem.kind for problem in problems} == {"foreign file"}
    assert {problem.path.as_posix() for problem in problems} == set(foreign)
    repair(filled.root)
    assert all(filled.read(name) == b"mine" for name in foreign)


HOLD = """
import sys
from hessweep.activations import activation
from hessweep.address import root_of
from hessweep.setup import Setup
from hessweep.store.reservations import reserve
with reserve(root_of(sys.argv[1]), [Setup(activation("erf"), 2, 2).point(0)]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_reservation_keeps_another_run_out_until_it_ends(place, monkeypatch):
    same = [Setup(activation("erf"), 2, 2).point(5)]
    others = [Setup(activation("erf"), 3, 2).point(0)]
    command = [sys.executable, "-c", HOLD, str(place.root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with reserve(place.root, others) as check:  # They share no point.
                check()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            monkeypatch.setattr("hessweep.store.waiting.PATIENCE_SECONDS", 0.0)
            begin = time.monotonic()

            def let_go():
                time.sleep(2.5)
                holder.stdin.write("\n")
                holder.stdin.flush()

            import threading

            threading.Thread(target=let_go).start()
            with reserve(place.root, same) as check:
                check()
                assert time.monotonic() - begin > 2
        assert [w.category for w in told if w.category is WaitingWarning] == [WaitingWarning]


@pytest.mark.parametrize("count", [MAX_LOCKS, MAX_LOCKS + 1])
def test_many_setups_of_one_activation_are_reserved_together(count):
    setups = [Setup(activation("erf"), 2, N_h) for N_h in range(1, count + 1)]
    ranges = _ranges(setups)

    def kept_out(setup):
        [(place, _)] = _ranges([setup])
        return any(start <= place < start + length for start, length in ranges)

    assert len(ranges) == (count if count == MAX_LOCKS else 1)
    assert all(map(kept_out, setups))
    assert kept_out(Setup(activation("erf"), 3, 2)) == (count > MAX_LOCKS)
    assert not kept_out(Setup(activation("linear"), 2, 1))


def _publish_often(root, number, results):
    for seed in range(4):
        write_segment(root, [with_seed(result, 1000 * number + seed) for result in results])
        publish(root)


def test_two_that_store_and_publish_at_once(place, computed):
    results = of(computed, "erf")[:2] + of(computed, "linear")[:1]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_publish_often, args=(place.root, number, results))
        for number in (1, 2)
    ]
    for process in processes:
        process.start()
    seen = 0
    while any(process.is_alive() for process in processes):
        try:
            for node in open_results(place.root).leaves:
                if "activation" in node.attrs:
                    dataset = node.to_dataset()
                    sizes = dataset["row_size"].values
                    assert (sizes > 0).all()
                    assert np.isfinite(dataset["eigenvalues"].values).all()
                    seen += 1
        except (QueryError, DamagedStoreError, ValueError):
            pass  # Nothing is published yet, or this version was replaced twice meanwhile.
        time.sleep(0.05)
    assert [process.exitcode for process in processes] == [0, 0]
    publish(place.root)
    assert opened(place).sizes["point"] == 16
    assert opened(place, "linear").sizes["point"] == 8
    assert kinds(place) == []
    assert seen


def test_addresses_of_groups(filled):
    found = group_addresses(filled.root)
    assert sorted(found) == ["erf", "linear", *[n for n in found if n.startswith("quadratic")]]
    for name, address in found.items():
        assert address.endswith(f"{filled.groups()[f'{name}.zarr']}")
    if isinstance(filled.root, Address):
        assert all(address.startswith("s3://") for address in found.values())


PUBLISH_AND_WAIT = """
import sys
from hessweep.store import publish, publishing
from hessweep.store.objects.storage import ObjectStorage

def waiting(go_on):
    def wait(*arguments):
        print("ready", flush=True)
        sys.stdin.readline()
        return go_on(*arguments)
    return wait

publishing._swap = waiting(publishing._swap)
ObjectStorage.swap = waiting(ObjectStorage.swap)
publish(sys.argv[1], force=True)
"""
"""A publisher that has written its groups and waits before it makes them current."""


@pytest.fixture
def publisher(filled):
    command = [sys.executable, "-c", PUBLISH_AND_WAIT, str(filled.root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_what_a_killed_publish_leaves_is_no_fault_of_the_results(
    filled, publisher, computed, monkeypatch
):
    publisher.kill()
    publisher.wait()
    assert kinds(filled) == []
    if isinstance(filled.root, Address):
        monkeypatch.setattr("hessweep.store.objects.verification.STALE_SECONDS", -60)
        groups = len(filled.groups())
        assert kinds(filled) == ["stale temporary file"] * groups
        repair(filled.root)
    assert kinds(filled) == []
    assert_holds(opened(filled).load(), of(computed[:12], "erf"))


def test_a_publisher_that_goes_on_after_its_groups_were_cleared_away(
    filled, publisher, computed, monkeypatch
):
    """It was suspended for a day, say: what was emptied must not become current."""
    if isinstance(filled.root, Address):
        monkeypatch.setattr("hessweep.store.objects.verification.STALE_SECONDS", -60)
        repair(filled.root)
    publisher.stdin.write("\n" * 10)
    publisher.stdin.close()
    assert publisher.wait(60) == 0
    assert kinds(filled) == []
    assert_holds(opened(filled).load(), of(computed[:12], "erf"))
