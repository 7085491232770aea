"""The copy of results on an object store from which a bundle is made."""

import pytest
from store.memory_store import memory_place

from hessweep.activations import activation
from hessweep.errors import DamagedStoreError
from hessweep.setup import Setup
from hessweep.sharing.fetching import fetched
from hessweep.store import write_segment
from hessweep.store.segments import list_segments, segments_folder


@pytest.fixture
def place(monkeypatch):
    """An object store with two segments and a study."""
    found = memory_place(monkeypatch)
    for seed in (0, 1):
        write_segment(found.root, Setup(activation("erf"), 2, 2).compute([seed]))
    for name in ("study.yaml", "own/hump.py"):
        found.plant(f"study/{name}", name.encode())
    return found


def test_segments_and_study_are_copied_as_they_are(place):
    with fetched(place.root) as folder:
        assert list_segments(folder) == list_segments(place.root)
        for name in list_segments(folder):
            content = (segments_folder(folder) / name).read_bytes()
            assert content == place.read(f"segments/{name}")
        found = {
            path.relative_to(folder / "study").as_posix(): path.read_bytes()
            for path in (folder / "study").rglob("*")
            if path.is_file()
        }
        assert found == {name: name.encode() for name in ("study.yaml", "own/hump.py")}
    assert not folder.exists()


def test_damaged_segments_are_not_passed_on(place):
    [name, _] = list_segments(place.root)
    place.plant(f"segments/{name}", place.read(f"segments/{name}")[:-1])
    with pytest.raises(DamagedStoreError, match=name), fetched(place.root):
        pass
