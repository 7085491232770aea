"""An object store in the memory of this process, with conditional writes: for tests of logic.

Requests take no time; how real servers answer is not seen here.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore
from zarr.storage import ObjectStore, WrapperStore

from hessweep.address import Address, Root
from hessweep.store.objects import conditions, opening, publishing, storage, verification
from hessweep.store.objects.pointer import read_pointer
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.objects.zarr_store import ObjectGroup

ROOT = Address("s3://bucket/results")


@dataclass(frozen=True)
class MemoryPlace:
    """Results in memory, which are read and planted without this package."""

    memory: MemoryStore
    root: Root = ROOT

    def read(self, name: str) -> bytes:
        return bytes(obstore.get(self.memory, f"results/{name}").bytes())

    def plant(self, name: str, content: bytes) -> None:
        obstore.put(self.memory, f"results/{name}", content)

    def remove(self, name: str) -> None:
        obstore.delete(self.memory, f"results/{name}")

    def names(self) -> list[str]:
        found = obstore.list(self.memory, prefix="results/").collect()
        return sorted(str(one["path"]).removeprefix("results/") for one in found)

    def groups(self) -> dict[str, str]:
        """Where each published group of the current version is."""
        pointer, _ = read_pointer(ObjectStorage(ROOT))
        return {name: group.place for name, group in pointer.groups.items()}


class _Below(WrapperStore[Any]):
    """What is below a name of a store, as Zarr reads and writes it."""

    def __init__(self, store: Any, below: str) -> None:
        super().__init__(store)
        self.below = below

    def _with_store(self, store: Any) -> "_Below":
        return _Below(store, self.below)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        return await self._store.get(f"{self.below}/{key}", prototype, byte_range)

    async def set(self, key: str, value: Any) -> None:
        await self._store.set(f"{self.below}/{key}", value)

    async def _set_many(self, values: Iterable[tuple[str, Any]]) -> None:
        for key, value in values:
            await self.set(key, value)

    async def exists(self, key: str) -> bool:
        return bool(await self._store.exists(f"{self.below}/{key}"))

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        return self._store.list_dir(f"{self.below}/{prefix}".rstrip("/"))


def memory_place(monkeypatch: pytest.MonkeyPatch) -> MemoryPlace:
    """Return an empty place, which takes the place of every object store in this process."""
    memory = MemoryStore()

    def zarr_store(group: Address, *, read_only: bool = True) -> ObjectGroup:
        inner = ObjectStore(memory, read_only=read_only)
        return ObjectGroup(_Below(inner, group.key), group)  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "client_of", lambda _: memory)
    monkeypatch.setattr(conditions, "_KNOWN", {})
    monkeypatch.setattr("hessweep.store.objects.zarr_store.zarr_store", zarr_store)
    for module in (publishing, verification, opening):
        if hasattr(module, "zarr_store"):
            monkeypatch.setattr(module, "zarr_store", zarr_store)
    return MemoryPlace(memory)
