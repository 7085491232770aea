"""Which conditional writes a store knows, found out by trying them.

What two processes could both change rests on these: an object is created only if there is none
(If-None-Match), and replaced only if it is still the version that was read (If-Match). A store or
a gateway before it that does not know these conditions may ignore them without a word. Then two
runs would overwrite each other's reservations. So they are tried before the first of them counts.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hessweep.errors import AddressError, StoreAccessError
from hessweep.store.objects.client import Environment, environment_of_client
from hessweep.store.objects.refusals import WITHOUT

if TYPE_CHECKING:
    from hessweep.address import Address
    from hessweep.store.objects.storage import ObjectStorage

PROBE = "conditions-"
"""How the name of the object begins on which conditions are tried; it is removed at once."""


@dataclass(frozen=True)
class Version:
    """One version of an object, as the store names it."""

    tag: str | None
    number: str | None

    @classmethod
    def of(cls, found: Any) -> "Version":
        """Return the version that an answer of the store names."""
        return cls(found["e_tag"], found["version"])

    def condition(self, *, quoted: bool = True) -> dict[str, str]:
        """Return what the client takes as the condition that it is still this version.

        Args:
            quoted: Whether the tag keeps its quotes, as HTTP prescribes (RFC 9110, 8.8.3).
        """
        tag = self.tag if quoted or self.tag is None else self.tag.strip('"')
        return {k: v for k, v in {"e_tag": tag, "version": self.number}.items() if v is not None}


_KNOWN: "dict[tuple[Address, Environment], bool]" = {}


def wants_quotes(storage: "ObjectStorage") -> bool:
    """Return whether the store wants tags with their quotes in conditions; tried once a process.

    Ceph's gateway sends tags with quotes and takes them in If-Match without (tried: 16.2.15).

    Raises:
        AddressError: If the store ignores conditions, or refuses those that hold.
        StoreAccessError: If the store can not be reached or refuses access.
    """
    key = storage.root, environment_of_client()
    if key not in _KNOWN:
        _KNOWN[key] = _try_conditions(storage)
    return _KNOWN[key]


def _try_conditions(storage: "ObjectStorage") -> bool:
    name = PROBE + secrets.token_hex(8)

    def write(condition: Any) -> Version | None:
        return storage.write_if(name, secrets.token_hex(16).encode(), condition)

    try:
        first = write("create")
        if first is None:
            raise _useless(storage, "refuses to create an object on the condition that it is new")
        if write("create") is not None:
            raise _useless(storage, "ignores the condition of a write, If-None-Match")
        for quoted in (True, False):
            condition = first.condition(quoted=quoted)
            if write(condition) is None:
                continue
            if write(condition) is not None:
                raise _useless(storage, "ignores the condition of a write, If-Match")
            return quoted
        raise _useless(storage, "refuses to replace an object on a condition that holds, If-Match")
    finally:
        with suppress(StoreAccessError):
            storage.delete(name)


def _useless(storage: "ObjectStorage", what: str) -> AddressError:
    return AddressError(f"can not use {storage.root}: the store {what}, {WITHOUT}")
