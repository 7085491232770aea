"""Where results are: in a folder, or at an address on an object store, `s3://bucket/prefix`."""

import re
from dataclasses import dataclass
from pathlib import Path

from hessweep.errors import InputError, shortened

SCHEMES = {"s3": "Amazon S3 or a compatible store", "gs": "Google Cloud Storage", "az": "Azure"}
"""How an address begins, and which kind of store that is."""

_ADDRESS = re.compile(
    r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,220})(?P<path>/.*)?"
)
_UNUSUAL = set("?#%@\\*{}")


@dataclass(frozen=True, order=True)
class Address:
    """The address of a place on an object store, without a slash at its end."""

    text: str

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            InputError: If it is none; the message does not repeat what may be a password.
        """
        scheme, _, rest = self.text.partition("://")
        if "@" in rest.partition("/")[0]:
            raise InputError(
                f"an address of results has no user or password in it ({scheme}://…@…); "
                "credentials come from the environment, such as AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            )
        found = _ADDRESS.fullmatch(self.text)
        parts = (found["path"] or "").split("/")[1:] if found else []
        if (
            not found
            or found["scheme"] not in SCHEMES
            or any(part in ("", ".", "..") for part in parts)
            or not self.text.isprintable()
            or set(self.text) & _UNUSUAL
        ):
            raise InputError(
                f"expected an address such as s3://bucket/results/mine (or gs://, az://), got "
                f"{shortened(repr(self.text.partition('?')[0]), 100)}"
            )

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str | Path) -> "Address":
        """Return the address of a place below this one."""
        return Address(f"{self.text}/{Path(name).as_posix()}")

    @property
    def bucket(self) -> str:
        """The scheme and the bucket: `s3://bucket`."""
        scheme, _, rest = self.text.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    @property
    def key(self) -> str:
        """The name inside the bucket; empty for the bucket itself."""
        return self.text.removeprefix(self.bucket).lstrip("/")

    @property
    def name(self) -> str:
        """The last part."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> "Address":
        """The address of the place that this one is in."""
        return Address(self.text.rpartition("/")[0]) if self.key else self


Root = Path | Address
"""Where results are."""


def is_object_store(where: object) -> bool:
    """Return whether a text is meant as an address on an object store, well-formed or not."""
    return str(where).startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def root_of(where: str | Root) -> Root:
    """Return the folder that a text names, or the address.

    Raises:
        InputError: If it begins like an address and is none.
    """
    if isinstance(where, Address):
        return where
    return address_of(str(where)) if is_object_store(where) else Path(where)


def address_of(text: str) -> Address:
    """Return the address that a text names, with or without slashes at its end.

    Raises:
        InputError: If it is none.
    """
    return Address(text if text.endswith("://") else text.rstrip("/"))
