"""Places of results, and what their files hold, seen without hessweep's own storage."""

import json
import urllib.error
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from object_stores import ask

from hessweep.address import Address, Root, root_of


@dataclass(frozen=True)
class FolderPlace:
    """A results folder."""

    root: Root

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def plant(self, name: str, content: bytes) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(content)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def names(self) -> list[str]:
        files = (path for path in self.path.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.path).as_posix() for path in files)

    def groups(self) -> dict[str, str]:
        """Where each published group is."""
        return {path.name: f"published/{path.name}" for path in self.path.glob("published/*.zarr")}

    @property
    def path(self) -> Path:
        assert isinstance(self.root, Path)
        return self.root


@dataclass(frozen=True)
class ObjectPlace:
    """Results on an S3 server, to which this speaks by requests of its own."""

    root: Root
    endpoint: str

    def read(self, name: str) -> bytes:
        return self._ask(name)

    def plant(self, name: str, content: bytes) -> None:
        self._ask(name, method="PUT", data=content)

    def remove(self, name: str) -> None:
        self._ask(name, method="DELETE")

    def names(self) -> list[str]:
        assert isinstance(self.root, Address)
        bucket, prefix = self.root.bucket.removeprefix("s3://"), f"{self.root.key}/"
        found: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix}
            query |= {"continuation-token": token} if token else {}
            answer = self._request(f"{bucket}?{urllib.parse.urlencode(query)}")
            tree = ET.fromstring(answer)
            space = tree.tag.partition("}")[0] + "}"
            found += [str(key.text) for key in tree.iter(f"{space}Key")]
            token = tree.findtext(f"{space}NextContinuationToken") or ""
            if not token:
                return sorted(name.removeprefix(prefix) for name in found)

    def groups(self) -> dict[str, str]:
        """Where each published group of the current version is."""
        return dict(json.loads(self.read("published/current.json"))["groups"])

    def _ask(self, name: str, method: str = "GET", data: bytes = b"") -> bytes:
        path = urllib.parse.quote(str(self.root).removeprefix("s3://") + "/" + name)
        return self._request(path, method, data)

    def _request(self, path: str, method: str = "GET", data: bytes = b"") -> bytes:
        try:
            return ask(f"{self.endpoint}/{path}", method, data)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(path) from None
            raise


Place = FolderPlace | ObjectPlace


def object_place(bucket: str, endpoint: str, name: str = "results") -> ObjectPlace:
    return ObjectPlace(root_of(f"{bucket}/{name}"), endpoint)
