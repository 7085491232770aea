"""Where a study says that its results are."""

from pathlib import Path

import pytest

from hessweep.address import Address
from hessweep.errors import StudyError
from hessweep.study import Study, parse_study

SWEEPS = {"small": {"activation": "erf", "N": 2, "seeds": 1}}


def study(**keys: str) -> Study:
    return parse_study({"name": "demo", "sweeps": SWEEPS, **keys})


def test_a_folder_holds_everything() -> None:
    assert study().results == study().folder == Path("results/demo")
    assert study(results="elsewhere").folder == Path("elsewhere")


@pytest.mark.parametrize(
    "text", ["s3://bucket/a/b", "s3://bucket/a/b/", "gs://bucket", "az://b-1/x"]
)
def test_an_address_holds_the_points_and_a_folder_the_rest(text: str) -> None:
    found = study(results=text)
    assert found.results == Address(text.rstrip("/"))
    assert found.folder == Path("results/demo")
    assert found.model_dump(mode="json")["results"] == text.rstrip("/")


def test_variables_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "bucket/mine")
    assert study(results="s3://$PLACE/x").results == Address("s3://bucket/mine/x")


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3:///x", "s3://bucket//x", "s3://bucket/./x", "s3://bucket/a?b", "s3://bu cket/x"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="expected an address such as s3://bucket/results/mine"):
        study(results=text)


@pytest.mark.parametrize("text", ["s3://key:hunter2@bucket/x", "s3://bucket/x?token=hunter2"])
def test_a_secret_in_an_address_is_not_repeated(text: str) -> None:
    with pytest.raises(StudyError) as told:
        study(results=text)
    assert "hunter2" not in str(told.value)


def test_parts_of_an_address() -> None:
    address = Address("s3://bucket/a/b")
    assert (address.bucket, address.key, address.name) == ("s3://bucket", "a/b", "b")
    assert address / "c/d" == Address("s3://bucket/a/b/c/d")
    assert address.parent == Address("s3://bucket/a")
    assert Address("s3://bucket").parent == Address("s3://bucket")
