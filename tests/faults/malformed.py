"""Segments whose name is the digest of their bytes and whose content is not what the store writes.

Each kind is a function that returns the bytes of a file. They are made from a good segment: by
changing its arrays, its metadata, a chunk, or the zip around them.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs.zstd import Zstd

from hessweep.activations import activation
from hessweep.setup import Setup
from hessweep.store import flat_zarr, segments
from hessweep.store.schema import columns_of

Files = dict[str, bytes]
ZSTD = Zstd(level=1, checksum=True)
TEXT = np.dtypes.StringDType()
COUNT = 3

BOMB_BYTES = 10**8
"""Length of what a small file grows to."""


@cache
def good() -> tuple[dict[str, flat_zarr.Array], dict[str, Any]]:
    """Return the arrays and attributes of a segment of three points."""
    setup = Setup(activation("erf"), 2, 2)
    arrays = segments._arrays(columns_of(setup.compute(range(COUNT))))
    return arrays, segments._provenance_attributes()


def files() -> Files:
    """Return the files of the good segment."""
    return flat_zarr.encode(*good())


def with_values(**values: Any) -> bytes:
    """Return a segment in which these columns have other values."""
    arrays, attributes = good()
    changed = {
        name: replace(arrays[name], values=np.array(value, arrays[name].values.dtype))
        for name, value in values.items()
    }
    return segments._zip(flat_zarr.encode({**arrays, **changed}, attributes))


def without(*names: str) -> bytes:
    """Return a segment that lacks these columns."""
    arrays, attributes = good()
    kept = {name: array for name, array in arrays.items() if name not in names}
    return segments._zip(flat_zarr.encode(kept, attributes))


def with_type(name: str, values: np.ndarray) -> bytes:
    """Return a segment in which a column has another type."""
    arrays, attributes = good()
    changed = {**arrays, name: replace(arrays[name], values=values)}
    return segments._zip(flat_zarr.encode(changed, attributes))


def with_attributes(**changes: Any) -> bytes:
    """Return a segment with other attributes; None takes one out."""
    arrays, attributes = good()
    attributes = {k: v for k, v in {**attributes, **changes}.items() if v is not None}
    return segments._zip(flat_zarr.encode(arrays, attributes))


def with_chunk(name: str, content: bytes) -> bytes:
    """Return a segment in which the chunk of a column is this."""
    return segments._zip({**files(), f"{name}/c/0": content})


def with_group(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return a segment whose metadata is what the function makes of the good one."""
    changed = files()
    group = json.loads(changed["zarr.json"])
    result = change(group)
    changed["zarr.json"] = json.dumps(group if result is None else result).encode()
    return segments._zip(changed)


def with_array(name: str, **changes: Any) -> bytes:
    """Return a segment in which the metadata of a column says something else."""
    return with_group(lambda group: arrays_of(group)[name].update(changes))


def arrays_of(group: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of the arrays in that of their group."""
    found: dict[str, Any] = group["consolidated_metadata"]["metadata"]
    return found


def with_metadata(text: bytes) -> bytes:
    """Return a segment whose metadata is this text."""
    return segments._zip({**files(), "zarr.json": text})


def texts(*parts: bytes, count: int | None = None, lengths: tuple[int, ...] = ()) -> bytes:
    """Return a chunk of texts, with false numbers if they are given."""
    said = lengths or tuple(map(len, parts))
    block = struct.pack("<I", len(parts) if count is None else count)
    for part, length in zip(parts, said, strict=True):
        block += struct.pack("<I", length) + part
    return bytes(ZSTD.encode(block))


def zstd_bomb(*, says_length: bool = True) -> bytes:
    """Return a frame of repeated blocks: 4 bytes for each 128 KiB of content."""
    blocks = BOMB_BYTES // 2**17 + 1
    length = struct.pack("<Q", blocks * 2**17)
    # Descriptor: eight bytes of length, or none; then a window of 128 KiB.
    head = b"\x28\xb5\x2f\xfd" + (b"\xc0" if says_length else b"\x00") + b"\x38"
    repeat = 2**17 << 3 | 1 << 1
    body = (struct.pack("<I", repeat)[:3] + b"a") * (blocks - 1)
    body += struct.pack("<I", repeat | 1)[:3] + b"a"
    return head + (length if says_length else b"") + body


def lying_zstd(length: int) -> bytes:
    """Return a frame that says this length and holds three bytes."""
    return b"\x28\xb5\x2f\xfd\xc0\x38" + struct.pack("<Q", length) + b"\x19\x00\x00abc"


def deflated_bomb(head: bytes, filling: bytes, size: int = BOMB_BYTES) -> bytes:
    """Return a segment whose metadata is short when it is compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = filling * (2**20 // len(filling))
    packed, crc, length = packer.compress(head), zlib.crc32(head), len(head)
    while length < size:
        packed += packer.compress(piece)
        crc = zlib.crc32(piece, crc)
        length += len(piece)
    packed += packer.flush()
    return zip_of_one(b"zarr.json", packed, crc, length)


def zip_of_one(name: bytes, packed: bytes, crc: int, length: int, method: int = 8) -> bytes:
    """Return a zip with a file that was compressed before."""
    numbers = (20, 0, method, 0, 33, crc, len(packed), length, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<5H3L2H", *numbers) + name + packed
    entry = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 20, *numbers, 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + end


def compressed_with(method: int) -> bytes:
    """Return the good segment in a zip with another compression."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files().items():
            archive.writestr(name, content)
    return buffer.getvalue()


def many_files() -> bytes:
    """Return a zip that lists 50,000 files."""
    return segments._zip(files() | {f"x{number}": b"" for number in range(50_000)})


def with_comment() -> bytes:
    """Return the good segment in a zip with a comment, in which a second end is hidden."""
    content = segments._zip(files())
    return content[:-2] + struct.pack("<H", 22) + content[-22:]


def encrypted() -> bytes:
    """Return the good segment whose first file says that it is encrypted."""
    content = bytearray(segments._zip(files()))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    return bytes(content)


def replaced(old: bytes, new: bytes) -> bytes:
    """Return the good segment in which some bytes are others."""
    return segments._zip(files()).replace(old, new)


SPECS: Mapping[str, str] = {
    "a list": "[1, 2]",
    "a number": "7",
    "no JSON": "erf",
    "nested": "[" * 100_000,
    "without a name": '{"epsilon": 1}',
    "with a name that is no text": '{"name": ["erf"]}',
}

KINDS: dict[str, Callable[[], bytes]] = {
    "an empty file": lambda: b"",
    "a text": lambda: b"not a zip",
    "zeros": lambda: bytes(1000),
    "an empty zip": lambda: segments._zip({}),
    "half a zip": lambda: segments._zip(files())[:2000],
    "a zip without its end": lambda: segments._zip(files())[:-22],
    "a zip with a comment": with_comment,
    "a zip with 50,000 files": many_files,
    "a zip with bzip2": lambda: compressed_with(zipfile.ZIP_BZIP2),
    "a zip with lzma": lambda: compressed_with(zipfile.ZIP_LZMA),
    "an encrypted zip": encrypted,
    "a zip with a wrong place of its list": lambda: segments._zip(files())[1000:],
    "a zip with broken deflate": lambda: zip_of_one(b"zarr.json", b"\xff" * 50, 0, 50),
    "a zip with a wrong checksum": lambda: zip_of_one(b"zarr.json", b"{}", 1, 2, 0),
    "metadata shorter than it says": lambda: zip_of_one(
        b"zarr.json", b"{}", zlib.crc32(b"{}"), 10**6, 0
    ),
    "metadata that unfolds": lambda: deflated_bomb(b"[", b"0,"),
    "metadata that unfolds into space": lambda: deflated_bomb(b"", b" "),
    "no metadata": lambda: segments._zip(
        {name: content for name, content in files().items() if name != "zarr.json"}
    ),
    "metadata that is no JSON": lambda: with_metadata(b"{"),
    "metadata that is no text": lambda: with_metadata(b"\xff\xfe\x00"),
    "metadata that is a list": lambda: with_metadata(b"[]"),
    "metadata that is a number": lambda: with_metadata(b"1e999"),
    "metadata that is null": lambda: with_metadata(b"null"),
    "metadata nested deeply": lambda: with_metadata(b"[" * 10**6),
    "objects nested deeply": lambda: with_metadata(b'{"a":' * 10**5),
    "a number of 5,000 digits": lambda: with_metadata(b"1" * 5000),
    "no consolidated metadata": lambda: with_group(lambda group: {"attributes": {}}),
    "arrays that are a list": lambda: with_group(
        lambda group: group["consolidated_metadata"].update(metadata=[1])
    ),
    "an array that is null": lambda: with_group(lambda group: arrays_of(group).update(seed=None)),
    "100,000 arrays": lambda: with_group(
        lambda group: arrays_of(group).update({f"x{n}": None for n in range(100_000)})
    ),
    "attributes that are a list": lambda: with_group(lambda group: group.update(attributes=[1])),
    "no attributes": lambda: with_group(lambda group: group.pop("attributes") and None),
    "an array of 3e9 values": lambda: with_array("seed", shape=[3 * 10**9]),
    "texts of 3e9 values": lambda: with_array("status", shape=[3 * 10**9]),
    "an array of -1 values": lambda: with_array("seed", shape=[-1]),
    "an array of half a value": lambda: with_array("seed", shape=[2.5]),
    "an array of true values": lambda: with_array("seed", shape=[True]),
    "an array of 10^400 values": lambda: with_array("seed", shape=[10**400]),
    "an array of two dimensions": lambda: with_array("seed", shape=[1, COUNT]),
    "an array without a shape": lambda: with_array("seed", shape=None),
    "an array of objects": lambda: with_array("seed", data_type="object"),
    "an array with a type that is a list": lambda: with_array("seed", data_type=["int64"]),
    "an array with another codec": lambda: with_array("seed", codecs=[{"name": "pickle"}]),
    "columns of unequal length": lambda: with_values(seed=[0, 1]),
    "texts of unequal length": lambda: with_values(status=["done"]),
    "no points": lambda: with_values(
        **{name: [] for name in good()[0] if name != "zarr.json"}
    ),
    "a column of another type": lambda: with_type("seed", np.zeros(COUNT)),
    "numbers for texts": lambda: with_type("key", np.zeros(COUNT, np.int64)),
    "texts for numbers": lambda: with_type("N_i", np.array(["2"] * COUNT, TEXT)),
    "no key": lambda: without("key"),
    "no kernel version": lambda: without("kernel_version"),
    "no eigenvalues": lambda: without("eigenvalues"),
    "no number of eigenvalues": lambda: without("row_size"),
    "nodes without their number": lambda: with_type("density_nodes", np.zeros(4)),
    "too many eigenvalues": lambda: with_values(eigenvalues=np.ones(100)),
    "negative sizes": lambda: with_values(row_size=[-6, 12, 12]),
    "sizes whose sum wraps around to the right number": lambda: with_values(
        row_size=[2**63 - 1, 2**63 - 1, 20]
    ),
    "a negative number of inputs": lambda: with_values(N_i=[-2, 2, 2]),
    "no neurons": lambda: with_values(N_h=[0, 2, 2]),
    "a negative seed": lambda: with_values(seed=[-1, 1, 2]),
    "an unknown status": lambda: with_values(status=["done", "done", "halfway"]),
    "no chunk": lambda: segments._zip(
        {name: content for name, content in files().items() if name != "seed/c/0"}
    ),
    "an empty chunk": lambda: with_chunk("seed", b""),
    "a chunk that is not compressed": lambda: with_chunk("seed", bytes(24)),
    "a chunk of another length": lambda: with_chunk("seed", bytes(ZSTD.encode(bytes(16)))),
    "half a chunk": lambda: with_chunk("eigenvalues", files()["eigenvalues/c/0"][:40]),
    "a chunk with a wrong checksum": lambda: with_chunk(
        "eigenvalues", files()["eigenvalues/c/0"][:-4] + b"0000"
    ),
    "a zstd bomb": lambda: with_chunk("lambda_max", zstd_bomb()),
    "a zstd bomb of texts": lambda: with_chunk("error", zstd_bomb()),
    "a zstd bomb that hides its length": lambda: with_chunk("error", zstd_bomb(says_length=False)),
    "a zstd frame that says 2^63 bytes": lambda: with_chunk("error", lying_zstd(2**63)),
    "a zstd frame that says 2^28 bytes": lambda: with_chunk("error", lying_zstd(2**28)),
    "3e9 texts": lambda: with_chunk("status", texts(b"done", count=3 * 10**9)),
    "fewer texts than it says": lambda: with_chunk("status", texts(b"done", b"a", count=COUNT)),
    "a text of 2^32 bytes": lambda: with_chunk(
        "error", texts(b"", b"", b"", lengths=(2**32 - 1, 0, 0))
    ),
    "a text longer than its chunk": lambda: with_chunk(
        "error", texts(b"a", b"b", b"c", lengths=(1, 1, 500))
    ),
    "a text that is no UTF-8": lambda: with_chunk("error", texts(b"\xff", b"\xfe", b"a")),
    "a text with a surrogate": lambda: with_chunk("error", texts(b"\xed\xa0\x80", b"", b"")),
    **{
        f"a spec: {name}": lambda text=text: with_values(activation_spec=[text] * COUNT)
        for name, text in SPECS.items()
    },
    "no provenance": lambda: with_attributes(computed_with=None),
    "provenance that is no text": lambda: with_attributes(computed_with=[1]),
    "provenance that is no JSON": lambda: with_attributes(computed_with="{"),
    "provenance that is a list": lambda: with_attributes(computed_with="[]"),
    "provenance without versions": lambda: with_attributes(computed_with="{}"),
}  # fmt: skip
"""How each is called, and what makes it."""


def plant(root: Path, content: bytes) -> Path:
    """Write a file into a results folder, under the name of a segment with these bytes."""
    path = root / "segments" / (segments._digest(content) + segments.SUFFIX)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
