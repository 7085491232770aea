"""The limits of numbers and of lengths in the JSON schema are those of the reader."""

import pytest
from jsonschema import Draft202012Validator

from hessweep.errors import StudyError
from hessweep.study import Study, parse_study, trainings

TINY = 1e-9
FEW, MANY = [1, 2], [1, 2, 3]
UNTIL = {"relative_error": 0.5, "of": "rank"}


def seeds(**changes):
    return {"seeds": {"until": UNTIL, "at_most": 1_000_000, **changes}}


def until(error):
    return seeds(until={**UNTIL, "relative_error": error})


def inputs(**law):
    return {"N": 2, "inputs": law}


def student(**neurons):
    return {"student": neurons}


def training(**how):
    return {"kind": "training", "training": how}


def sgd(rate, batch):
    return training(method="sgd", learning_rate=rate, batch=batch, stop={"time": 1.0})


SWEEPS = {
    "sizes items": ({"N": None, "sizes": [FEW]}, [{"N": None, "sizes": [n]} for n in (MANY, [1])]),
    "widths items": ({"N": None, "widths": [MANY]}, [{"N": None, "widths": [FEW]}]),
    "relative_error, small": (until(TINY), [until(0)]),
    "relative_error, large": (until(1 - TINY), [until(1)]),
    "at_least, small": (seeds(at_least=10), [seeds(at_least=9)]),
    "at_least, large": (seeds(at_least=1_000_000), [seeds(at_least=1_000_001)]),
    "at_most, small": (seeds(at_most=10), [seeds(at_most=9)]),
    "at_most, large": (seeds(at_most=1_000_000), [seeds(at_most=1_000_001)]),
    "start": (seeds(start=0), [seeds(start=-1)]),
    "inputs": (inputs(mean=0.0), [inputs()]),
    "exponent": (
        inputs(covariance="power-law", exponent=0),
        [inputs(covariance="power-law", exponent=-TINY)],
    ),
    "rank": (inputs(rank=1), [inputs(rank=0)]),
    "covariance items": ({**inputs(covariance=[1.0]), "N": 1}, [inputs(covariance=[])]),
    "mean items": ({**inputs(mean=[1.0]), "N": 1}, [inputs(mean=[])]),
    "student": (student(split=1), [student()]),
    **{
        name: (student(**{name: 0}), [student(**{name: -1})])
        for name in ("zero_output", "zero_input", "split", "cancelling")
    },
    "samples": ({"samples": 1}, [{"samples": 0}]),
    "noise": (training(start={"noise": TINY}), [training(start={"noise": 0})]),
    "learning_rate": (sgd(TINY, 1), [sgd(0, 1)]),
    "batch": (sgd(0.1, 1), [sgd(0.1, 0)]),
    **{
        name: (training(stop={name: TINY}, first=TINY / 2), [training(stop={name: 0})])
        for name in ("loss", "gradient", "time")
    },
    "times": (training(times=1), [training(times=0)]),
    "first": (training(first=TINY), [training(first=0)]),
    "losses items": (training(losses=[TINY]), [training(losses=[0])]),
    "draw": (training(draw=0), [training(draw=-1)]),
    "draws, small": (training(draws=1), [training(draws=0)]),
    "draws, large": (training(draws=100), [training(draws=100_001)]),
    "asked_error, small": (
        {"kind": "sampled", "asked_error": TINY},
        [{"kind": "sampled", "asked_error": 0}],
    ),
    "asked_error, large": (
        {"kind": "sampled", "asked_error": 1 - TINY},
        [{"kind": "sampled", "asked_error": 1}],
    ),
}  # fmt: skip
"""For each limit the keys of a sweep that just keep it, and those of sweeps that do not."""

LISTED = ("inputs", "student", "samples", "training")
"""Keys that take one value or a list of them; the schema says the limits of each once more."""

CLUSTERS = {
    "local": ({}, ["workers"]),
    "slurm": ({"memory": "1GB", "jobs": 1}, ["jobs", "cores"]),
    "gateway": ({"address": "https://example.org", "workers": 1}, ["workers", "patience"]),
    "kubernetes": (
        {"image": "mine", "memory": "1GB", "workers": 1},
        ["workers", "cores", "patience"],
    ),
}


def study_of(**keys):
    usual = {"activation": "linear", "N": 2, "seeds": 1}
    sweep = {key: value for key, value in (usual | keys).items() if value is not None}
    return {"name": "demo", "sweeps": {"one": sweep}}


def in_lists(keys):
    """Return the keys with each value in a list that may stand in one."""
    return {key: [value] if key in LISTED else value for key, value in keys.items()}


def studies():
    """Return studies, each with whether it keeps the limits of what it gives."""
    found = [(study_of() | {"sweeps": {}}, False)]
    for kept, broken in SWEEPS.values():
        for form in (dict, in_lists):
            found.append((study_of(**form(kept)), True))
            found += [(study_of(**form(keys)), False) for keys in broken]
    for kind, (keys, counts) in CLUSTERS.items():
        for count in counts:
            most = 86_400 if count == "patience" else 10_000
            for number, kept in ((1, True), (most, True), (0, False), (most + 1, False)):
                cluster = {"kind": kind, **keys, count: number}
                found.append((study_of() | {"cluster": cluster}, kept))
    return found


def reads(study):
    try:
        parse_study(study)
    except StudyError:
        return False
    return True


VALIDATOR = Draft202012Validator(Study.schema())


@pytest.mark.parametrize(("study", "kept"), studies())
def test_the_schema_takes_the_numbers_that_the_reader_takes(study, kept):
    assert VALIDATOR.is_valid(study) == kept
    assert reads(study) == kept


def test_there_are_as_many_draws_as_the_schema_takes(monkeypatch):
    """Without the check of each of them, which takes seconds."""
    monkeypatch.setattr(trainings, "_text", lambda value: str(value["draw"]))
    assert len(trainings.read_trainings({"draws": 100_000})) == 100_000
    assert VALIDATOR.is_valid(study_of(**training(draws=100_000)))


KEYWORDS = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
    "minLength", "maxLength", "minProperties", "maxProperties",
}  # fmt: skip


def limits(part, path=()):
    """Yield the place of each limit in a schema."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in KEYWORDS and isinstance(value, int | float):
                yield (*path, key)
            yield from limits(value, (*path, key))
    elif isinstance(part, list):
        for place, value in enumerate(part):
            yield from limits(value, (*path, place))


def test_each_limit_of_the_schema_is_seen_to_refuse_something():
    refusing = {
        named(found.absolute_schema_path)
        for study, kept in studies()
        if not kept
        for error in VALIDATOR.iter_errors(study)
        for found in (error, *causes(error))
    }
    there = {named(path) for path in limits(Study.schema())}
    assert there
    assert there <= refusing


def named(path):
    """Return the name of the limited key and the keyword of the limit, given its place."""
    fillers = {"anyOf", "oneOf", "items", "$ref"}
    return tuple(part for part in path if isinstance(part, str) and part not in fillers)[-2:]


def causes(error):
    """Yield what made the alternatives of a schema fail."""
    for cause in error.context:
        yield cause
        yield from causes(cause)
