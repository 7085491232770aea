import json

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from zarr.core.buffer import default_buffer_prototype

from hessweep.errors import DamagedStoreError
from hessweep.store import flat_zarr
from hessweep.store.flat_zarr import Array, decode, encode

STRINGS = st.lists(st.text(), max_size=5).map(
    lambda texts: np.array(texts, np.dtypes.StringDType())
)
LENGTHS = st.integers(0, 5)
EQUAL_STRINGS = st.builds(
    lambda text, count: np.array([text] * count, np.dtypes.StringDType()), st.text(), LENGTHS
)
VALUES = (
    arrays(np.int64, LENGTHS)
    | arrays(np.float64, LENGTHS, elements=st.floats(width=64, allow_nan=True))
    | STRINGS
    | EQUAL_STRINGS
)


def zarr_group(files: dict[str, bytes]) -> zarr.Group:
    buffer = default_buffer_prototype().buffer
    store = {name: buffer.from_bytes(content) for name, content in files.items()}
    return zarr.open_group(zarr.storage.MemoryStore(store), mode="r")


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype.kind == "T":
        assert found.tolist() == expected.tolist()
    else:
        assert found.tobytes() == expected.tobytes()


def reader(files):
    return lambda name, most: files[name]


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
def test_zarr_itself_reads_what_is_encoded_and_so_does_decode(values):
    files = encode({name: Array("x", v, {"units": "1"}) for name, v in values.items()}, {"a": [1]})
    group = zarr_group(files)
    assert dict(group.attrs) == {"a": [1]}
    assert set(group.array_keys()) == set(values)
    own, attributes = decode(reader(files))
    assert attributes == {"a": [1]}
    for name, expected in values.items():
        array = group[name]
        assert array.metadata.dimension_names == ("x",)
        assert dict(array.attrs) == {"units": "1"}
        assert_same(array[...], expected)
        assert_same(own[name], expected)


def test_metadata_of_each_array_is_the_consolidated_one():
    files = encode({"a": Array("x", np.arange(3)), "b": Array("x", np.zeros(3))}, {})
    consolidated = json.loads(files["zarr.json"])["consolidated_metadata"]["metadata"]
    for name in ("a", "b"):
        assert json.loads(files[f"{name}/zarr.json"]) == consolidated[name]


def test_fill_values_are_no_plausible_numbers():
    text = np.array(["t"], np.dtypes.StringDType())
    values = {"i": np.array([7]), "f": np.array([7.0]), "s": text}
    files = encode({name: Array("x", v) for name, v in values.items()}, {})
    group = zarr_group({name: c for name, c in files.items() if name.endswith("json")})
    assert group["i"][...] == -1
    assert np.isnan(group["f"][...])
    assert group["s"][...] == ""


@pytest.mark.parametrize("name", ["i", "s"])
def test_no_flipped_bit_of_a_chunk_changes_a_value_silently(name):
    text = np.array(["certificate"] * 3, np.dtypes.StringDType())
    values = {"i": np.arange(9) ** 9, "s": text}
    files = encode({key: Array("x", value) for key, value in values.items()}, {})
    chunk = files[f"{name}/c/0"]
    unnoticed = 0
    for bit in range(0, 8 * len(chunk), 3):
        damaged = bytearray(chunk)
        damaged[bit // 8] ^= 1 << bit % 8
        broken = {**files, f"{name}/c/0": bytes(damaged)}
        for read in (lambda f: zarr_group(f)[name][...], lambda f: decode(reader(f))[0][name]):
            try:
                assert_same(read(broken), values[name])
                unnoticed += 1
            except (ValueError, RuntimeError):
                pass
    # Zstandard has a few bits that mean nothing; the digest of a segment covers those too.
    assert unnoticed <= 2 * 4


def test_a_group_of_other_codecs_is_refused():
    store = zarr.storage.MemoryStore()
    group = zarr.create_group(store)
    group.create_array("a", data=np.arange(3))
    with pytest.warns(zarr.errors.ZarrUserWarning):
        zarr.consolidate_metadata(store)
    files = {name: content.to_bytes() for name, content in store._store_dict.items()}
    with pytest.raises(DamagedStoreError, match="other codecs"):
        decode(reader(files))


def test_arrays_that_are_too_large_together_are_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of them would fit: the bound is on all, as a segment is read whole."""
    files = encode({name: Array("point", np.arange(100.0)) for name in "abc"}, {})
    monkeypatch.setattr(flat_zarr, "MAX_DECODED_BYTES", 2400)
    assert len(decode(lambda name, _: files[name])[0]) == 3
    monkeypatch.setattr(flat_zarr, "MAX_DECODED_BYTES", 2399)
    assert len(decode(lambda name, _: files[name], ["a", "b"])[0]) == 2
    with pytest.raises(DamagedStoreError, match="too many to read"):
        decode(lambda name, _: files[name])
