"""Numbers in a study file, and the older name of a key."""

import pytest

from hessweep.errors import StudyError
from hessweep.study import parse_study, read_study


def read(folder, sweep):
    path = folder / "study.yaml"
    path.write_text(f"name: demo\nsweeps:\n  one: {{{sweep}}}\n")
    return read_study(path).sweeps["one"]


def kind_of(**given):
    sweep = {"activation": "erf", "N": 3, "seeds": 2, **given}
    [setup] = parse_study({"name": "demo", "sweeps": {"one": sweep}}).sweeps["one"].setups()
    return setup.kind


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("010", "leading zeros"),
        ("-012", "leading zeros"),
        ("1:4", "colons"),
        ("190:20:30", "colons"),
        ("0x10", "a prefix"),
        ("0b11", "a prefix"),
        ("0o17", "a prefix"),
    ],
)
def test_numbers_that_yaml_reads_in_another_base_are_refused(tmp_path, number, problem):
    with pytest.raises(
        StudyError, match=f"line 3, .*{number}: expected a number in base 10.*{problem}"
    ):
        read(tmp_path, f"activation: erf, N: {number}, seeds: 1")


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "+1e-3", "1.e-3", "0.001", "10e-4"])
def test_numbers_with_an_exponent_are_numbers(tmp_path, number):
    sweep = f"activation: {{name: quadratic, epsilon: {number}}}, N: 2, seeds: 1"
    [function] = read(tmp_path, sweep).activation
    assert function.spec == {"name": "quadratic", "epsilon": 0.001}


def test_a_kind_may_be_given_by_its_older_name_but_not_by_both():
    assert kind_of() == "exact"
    assert kind_of(spectrum="density") == kind_of(kind="density") == "density"
    for older in ("exact", "density"):
        with pytest.raises(StudyError, match="spectrum: is an older name of kind"):
            kind_of(spectrum=older, kind="density")
