"""Damaged bundles and zips of other people: a message, nothing written, nothing run."""

import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import hessweep as package
from hessweep.errors import DamagedStoreError, HessweepError, QueryError
from hessweep.sharing.bundle_verification import verify_bundle
from hessweep.store.archive import MANIFEST, open_archive

from .conftest import call


def rewrite(bundle: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write the zip anew, with other files in it."""
    with zipfile.ZipFile(bundle) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    change(files)
    with zipfile.ZipFile(bundle, "w") as writing:
        for name, content in files.items():
            writing.writestr(name, content)


def flip(bundle: Path, name: str) -> None:
    """Change one byte in the middle of a file of the zip."""
    with zipfile.ZipFile(bundle) as opened:
        info = opened.getinfo(name)
    content = bytearray(bundle.read_bytes())
    lengths = struct.unpack("<HH", content[info.header_offset + 26 : info.header_offset + 30])
    content[info.header_offset + 30 + sum(lengths) + info.file_size // 2] ^= 1
    bundle.write_bytes(content)


def member(bundle: Path, beginning: str, end: str) -> str:
    with zipfile.ZipFile(bundle) as opened:
        return next(n for n in opened.namelist() if n.startswith(beginning) and n.endswith(end))


@pytest.mark.parametrize(
    ("beginning", "end"),
    [
        ("segments/", ".zip"),
        ("published/erf.zarr/eigenvalues/", "0"),
        ("published/erf.zarr/", "erf.zarr/zarr.json"),
        ("points", ".parquet"),
        ("study/", ".yaml"),
        ("ro-crate", ".json"),
    ],
)
def test_every_flipped_byte_is_found_and_named(bundle, beginning, end, capsys):
    name = member(bundle, beginning, end)
    flip(bundle, name)
    [problem] = verify_bundle(bundle, sample=2).problems
    assert (problem.kind, str(problem.path)) == ("damaged bundle", name)
    assert call("verify", bundle) == 1
    assert f"damaged bundle: {name}: " in capsys.readouterr().out


def test_damage_never_becomes_numbers(bundle):
    """Zarr reads a part of a file, of which a zip has no checksum: chunks have their own."""
    flip(bundle, member(bundle, "published/erf.zarr/eigenvalues/", "0"))
    with pytest.raises(DamagedStoreError):
        package.pooled_eigenvalues(package.open_results(bundle))
    flip(bundle, "published/erf.zarr/zarr.json")
    with pytest.raises(DamagedStoreError):
        package.open_results(bundle)


def cut(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-100])


def without(name: str) -> Callable[[Path], None]:
    return lambda bundle: rewrite(bundle, lambda files: files.pop(name))


def with_file(name: str, content: bytes = b"") -> Callable[[Path], None]:
    return lambda bundle: rewrite(bundle, lambda files: files.update({name: content}))


def bomb(bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "a", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr("published/bomb", bytes(10**7))


def overlapping(bundle: Path) -> None:
    """List the same bytes a hundred times, so that they are longer than the zip."""
    with zipfile.ZipFile(bundle, "a") as writing:
        big = max(writing.infolist(), key=lambda info: info.file_size)
        for number in range(100):
            copy = zipfile.ZipInfo(f"copy-{number}")
            for field in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(copy, field, getattr(big, field))
            copy.flag_bits = big.flag_bits
            writing.filelist.append(copy)
            writing.NameToInfo[copy.filename] = copy
        writing._didModify = True


def twice(bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "a") as writing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writing.writestr("README.txt", b"another")


def empty(bundle: Path) -> None:
    bundle.write_bytes(b"")


def text(bundle: Path) -> None:
    bundle.write_text("no zip at all, but a text of more than a hundred letters" * 3)


def other(bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "w") as writing:
        writing.writestr("holiday.jpg", b"x")


def too_many(bundle: Path) -> None:
    """A list of files that claims to be longer than any."""
    content = bytearray(bundle.read_bytes())
    content[-10:-6] = struct.pack("<L", 2**31)
    bundle.write_bytes(content)


WRONG: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "cut off": (cut, 1, "the end of the zip is missing"),
    "no manifest": (without(MANIFEST), 2, f"found a zip without {MANIFEST}"),
    "another zip": (other, 2, f"found a zip without {MANIFEST}"),
    "empty": (empty, 2, "found another kind of file"),
    "a text": (text, 2, "found another kind of file"),
    "parent folder": (with_file("../evil"), 2, "could lead out of its folder"),
    "root": (with_file("/etc/evil"), 2, "could lead out of its folder"),
    "inside": (with_file("published/../../evil"), 2, "could lead out of its folder"),
    "Windows": (with_file("C:\\evil"), 2, "could lead out of its folder"),
    "control letters": (with_file("a\x1b[2Jb"), 2, "can not be printed"),
    "bomb": (bomb, 2, "which is compressed"),
    "overlapping": (overlapping, 2, "longer than the zip together"),
    "two of one name": (twice, 2, "two files of one name"),
    "too many": (too_many, 2, "a list of too many files"),
    "bad manifest": (with_file(MANIFEST, b"nonsense"), 1, "can not be read"),
    "no text": (with_file(MANIFEST, b"\xff\xfe"), 1, "can not be read"),
}


@pytest.mark.parametrize("command", ["query", "verify"])
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_bundles_end_with_a_message(bundle, wrong, command, monkeypatch, capsys):
    change, code, told = WRONG[wrong]
    change(bundle)
    before = sorted(bundle.parents[1].rglob("*"))
    with pytest.raises(HessweepError, match=r"bundle\.zip") as caught:
        package.open_results(bundle)
    assert isinstance(caught.value, QueryError if code == 2 else DamagedStoreError)
    monkeypatch.chdir(bundle.parent)
    assert call(command, "bundle.zip") == code
    shown = capsys.readouterr()
    assert told in shown.err
    assert "\x1b" not in shown.err + shown.out
    assert sorted(bundle.parents[1].rglob("*")) == before


def test_files_that_were_taken_out_or_added_are_found(bundle):
    lost = member(bundle, "published/erf.zarr/eigenvalues/", "0")
    rewrite(bundle, lambda files: files.pop(lost) and files.update({"extra": b"x"}))
    with pytest.raises(DamagedStoreError, match=f"{lost} is missing"):
        package.open_results(bundle)
    found = {str(problem.path): problem.message for problem in verify_bundle(bundle).problems}
    assert found == {lost: "missing", "extra": f"{MANIFEST} does not name it"}


def test_numbers_that_fit_the_manifest_and_not_the_mathematics_are_found(bundle, tmp_path):
    """Whoever makes a bundle can write any manifest; the segments and the mathematics decide."""
    import hashlib

    def swap(files: dict[str, bytes]) -> None:
        one = "published/erf.zarr/lambda_max/c/0"
        one = one if one in files else one.replace("c/0", "c.0")
        files[one] = files[one.replace("lambda_max", "trace")]
        lines = [f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in files if n != MANIFEST]
        files[MANIFEST] = "".join(lines).encode()

    rewrite(bundle, swap)
    [problem] = verify_bundle(bundle, sample=0).problems
    assert problem.kind == "damaged published"
    assert "lambda_max" in str(problem.path)


def test_only_a_folder_is_written_to(bundle, capsys):
    for command in ("publish", "repair"):
        assert call(command, bundle) == 2
        assert "a bundle is unpacked before it is written to" in capsys.readouterr().err


def test_long_zips_are_read(bundle):
    """With the longer records at the end that a zip of more than 65,535 files has."""
    with zipfile.ZipFile(bundle) as opened:
        count = len(opened.namelist())
    content = bundle.read_bytes()
    end = struct.unpack("<4s4H2LH", content[-22:])
    place = len(content) - 22
    long_end = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, end[5], end[6]
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, place, 1)
    short = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0
    )
    bundle.write_bytes(content[:-22] + long_end + locator + short)
    assert len(open_archive(bundle).members) == count
    too_long = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, 2**40, end[6]
    )
    bundle.write_bytes(content[:-22] + too_long + locator + short)
    with pytest.raises(QueryError, match="too many files"):
        open_archive(bundle)
