"""Which columns a group has, and what a filter of the log and a list of groups let through."""

import json
import logging

import pytest

from hessweep.errors import DamagedStoreError, QueryError
from hessweep.kinds import KINDS, SCALARS
from hessweep.store import remote
from hessweep.store.group_writer import _is_not_told_already
from hessweep.store.objects.pointer import Pointer, Published
from hessweep.store.schema import FLAT_COLUMNS, PUBLISHED_COLUMNS, columns_of_kinds


@pytest.mark.parametrize("kinds", [["exact"], ["density"], ["training", "sampled"], list(KINDS)])
def test_a_group_has_what_its_kinds_store_and_what_every_point_has(kinds):
    """A column of another kind is left out; those of no kind and of full spectra are always in."""
    own = {column.name for kind in kinds for column in KINDS[kind].columns}
    own |= {c.name for kind in kinds for ragged in KINDS[kind].ragged for c in ragged.columns}
    of_kinds = {column.name for column in (*SCALARS, *FLAT_COLUMNS)} - {"eigenvalues"}
    found = {column.name for column in columns_of_kinds(kinds)}
    everything = {column.name for column in PUBLISHED_COLUMNS}
    sizes = {
        ragged.size.name: {column.name for column in ragged.columns}
        for kind in KINDS.values()
        for ragged in kind.ragged
    }
    expected = {
        name
        for name in everything
        if (name not in of_kinds or name in own)
        and (name not in sizes or sizes[name] & (own | {"eigenvalues"}))
    }
    assert found == expected


def test_a_group_with_a_kind_of_a_newer_version_keeps_every_column():
    assert columns_of_kinds(["exact", "of tomorrow"]) == PUBLISHED_COLUMNS


def test_only_writes_that_failed_are_left_out_of_the_log_of_asyncio():
    def record(error):
        told = (type(error), error, None) if error else None
        return logging.LogRecord("asyncio", logging.ERROR, "", 0, "x", (), told)

    assert not _is_not_told_already(record(OSError("full")))
    assert _is_not_told_already(record(ValueError("other")))
    assert _is_not_told_already(record(None))


@pytest.fixture
def site(monkeypatch):
    """The files of a web server, which may be changed."""
    found = {}
    monkeypatch.setattr(remote, "_read", found.get)
    return found


ADDRESS = "https://example.org/results"


def test_results_that_an_object_store_shows_are_those_of_its_pointer(site):
    """The groups of the current version, and not a state that lies there from elsewhere."""
    groups = {
        f"{name}.zarr": Published(f"published/{number}/{name}.zarr", "d")
        for number, name in enumerate(("tanh", "erf"))
    }
    site[f"{ADDRESS}/published/current.json"] = Pointer(groups).encode()
    site[f"{ADDRESS}/published/.state.json"] = b'{"groups": {"relu.zarr": "d"}}'
    for number, name in enumerate(("tanh", "erf")):
        site[f"{ADDRESS}/published/{number}/{name}.zarr/zarr.json"] = name.encode()
    expected = [
        (f"{ADDRESS}/published/1/erf.zarr", b"erf"),
        (f"{ADDRESS}/published/0/tanh.zarr", b"tanh"),
    ]
    for address in (ADDRESS, f"{ADDRESS}/", f"{ADDRESS}/published"):
        assert list(remote.remote_groups(address)) == expected
    del site[f"{ADDRESS}/published/0/tanh.zarr/zarr.json"]
    with pytest.raises(QueryError, match=r"0/tanh\.zarr: no published group is there"):
        list(remote.remote_groups(ADDRESS))


@pytest.mark.parametrize(
    "content", [b"[1]", b"{}", b"nonsense", json.dumps({"groups": 3}).encode()]
)
def test_a_list_of_groups_that_can_not_be_read_is_damage(site, content):
    site[f"{ADDRESS}/published/.state.json"] = content
    with pytest.raises(DamagedStoreError, match=r"published/\.state\.json: it can not be read"):
        list(remote.remote_groups(ADDRESS))
