"""Seeds until a mean is known: what a study may write, and when the rule ends."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from hessweep.errors import StudyError
from hessweep.networks.teachers import MAX_SEED
from hessweep.study import Study, parse_study
from hessweep.study.seeds_until import Look, SeedsUntil, look_at, read_seeds_until

RULE = {"until": {"relative_error": 0.01, "of": "lambda_min"}, "at_most": 5000}


def study_with(seeds, **sweep):
    one = {"activation": "erf", "N": 3, "seeds": seeds, **sweep}
    return {"name": "demo", "sweeps": {"one": one}}


def read(seeds, **sweep):
    return parse_study(study_with(seeds, **sweep)).sweeps["one"]


def test_a_rule_has_defaults_and_is_all_seeds_that_it_may_take():
    rule = read(RULE).seeds
    assert rule == SeedsUntil(0.01, "lambda_min", 5000, at_least=30, start=0)
    assert list(rule) == list(range(5000))
    later = read({**RULE, "start": 100, "at_most": 20}).seeds
    assert (list(later), later.at_least) == (list(range(100, 120)), 20)
    assert read(RULE).cells == 5000


def test_a_rule_survives_being_written_and_read_again():
    sweep = read({**RULE, "at_least": 50, "start": 7})
    written = sweep.model_dump(mode="json", include={"seeds"})["seeds"]
    assert json.loads(json.dumps(written)) == {**RULE, "at_least": 50, "start": 7}
    assert read(written).seeds == sweep.seeds


def test_the_rule_looks_after_blocks_of_a_quarter():
    numbers = list(SeedsUntil(0.01, "rank", 5000).numbers())
    assert numbers[:8] == [30, 40, 50, 70, 90, 120, 150, 190]
    assert numbers[-1] == 5000
    assert all(after - before >= 10 for before, after in pairwise(numbers))
    assert list(SeedsUntil(0.01, "rank", 30).numbers()) == [30]
    assert list(SeedsUntil(0.01, "rank", 33).numbers()) == [30, 33]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"until": RULE["until"]}, "seeds: at_most: missing; this key is required"),
        ({"at_most": 50}, "seeds: until: missing; this key is required"),
        ({**RULE, "atmost": 3}, r"seeds: atmost: unknown key \(did you mean 'at_most'\?\)"),
        ({**RULE, "until": 0.01}, "until: expected a mapping such as"),
        ({**RULE, "until": {"relative_error": 0.01}}, "until.of: missing"),
        ({**RULE, "until": {"of": "rank"}}, "until.relative_error: missing"),
        ({**RULE, "until": {**RULE["until"], "error": 1}}, "until.error: unknown key"),
        ({**RULE, "until": {"relative_error": 0, "of": "rank"}}, "number between 0 and 1, got 0"),
        ({**RULE, "until": {"relative_error": 1, "of": "rank"}}, "number between 0 and 1, got 1"),
        ({**RULE, "until": {"relative_error": float("nan"), "of": "rank"}}, "0 and 1, got nan"),
        ({**RULE, "until": {"relative_error": True, "of": "rank"}}, "between 0 and 1, got True"),
        ({**RULE, "until": {"relative_error": "1%", "of": "rank"}}, "between 0 and 1, got '1%'"),
        ({**RULE, "until": {"relative_error": 0.1, "of": 3}}, "until.of: expected the name"),
        ({**RULE, "at_most": 5}, "at_most: expected a whole number from 10 to 1,000,000, got 5"),
        ({**RULE, "at_most": 2_000_000}, "at_most: expected a whole number from 10 to 1,000,000"),
        ({**RULE, "at_most": 50.0}, "at_most: expected a whole number"),
        ({**RULE, "at_least": 6000}, "at_least: expected a whole number from 10 to 5,000, got 6"),
        ({**RULE, "at_least": 2}, "at_least: expected a whole number from 10"),
        ({**RULE, "start": -1}, "start: expected a whole number from 0"),
        ({**RULE, "start": 2**63 - 2}, "start: expected a whole number from 0"),
    ],
)
def test_mistakes_are_told(seeds, message):
    with pytest.raises(StudyError, match=message):
        read(seeds)


def test_the_ends_of_what_is_allowed_are_allowed():
    until = {"relative_error": 0.999, "of": "rank"}
    for at_most, at_least in ((10, 10), (1_000_000, 10), (1_000_000, 1_000_000)):
        start = MAX_SEED - at_most + 1
        seeds = {"until": until, "at_most": at_most, "at_least": at_least, "start": start}
        rule = read_seeds_until(seeds)
        assert (rule.at_most, rule.at_least, rule.start) == (at_most, at_least, start)
        with pytest.raises(ValueError, match="start: expected a whole number from 0"):
            read_seeds_until({**seeds, "start": start + 1})


@pytest.mark.parametrize(
    "column",
    ["lamda_min", "route", "spectrum_time", "seed", "eigenvalues", "loss", "rank_certificate"],
)
def test_a_column_without_numbers_of_the_kind_is_refused(column):
    with pytest.raises(StudyError) as told:
        read({**RULE, "until": {"relative_error": 0.1, "of": column}})
    message = str(told.value)
    assert "until.of: expected a column of numbers of kind exact" in message
    assert "lambda_max, lambda_min, " in message
    assert "rank_time" not in message
    assert ("did you mean 'lambda_min'" in message) == (column == "lamda_min")


def test_each_kind_has_its_own_columns():
    of = {"relative_error": 0.1, "of": "final_loss"}
    assert (
        read({**RULE, "until": of}, kind="training", training={"times": 5}).seeds.of
        == "final_loss"
    )
    with pytest.raises(StudyError, match="kind exact"):
        read({**RULE, "until": of})


def test_the_json_schema_takes_what_the_package_takes():
    schema = Draft202012Validator(Study.schema())
    assert schema.is_valid(study_with(RULE))
    assert schema.is_valid(study_with({**RULE, "at_least": 30, "start": 2}))
    for wrong in ({"at_most": 50}, {**RULE, "at_most": 5}, {**RULE, "other": 1}):
        assert not schema.is_valid(study_with(wrong))


def test_too_many_points_are_refused_by_what_may_be_taken():
    with pytest.raises(StudyError, match="expected at most 10,000,000 points, got 11,000,000"):
        read({**RULE, "at_most": 1_000_000}, N="1..11")


def test_a_look_agrees_with_numpy():
    values = np.random.default_rng(1).normal(2, 1, 1000)
    look = look_at(values)
    error = values.std(ddof=1) / math.sqrt(1000) / values.mean()
    assert look == Look(
        1000,
        1000,
        pytest.approx(values.mean()),
        pytest.approx(error),
        pytest.approx(np.abs(values).max() / np.abs(values).sum()),
    )


@pytest.mark.parametrize("scale", [1e-300, 1e300, -1.0])
def test_neither_size_nor_sign_of_values_matters(scale):
    values = np.random.default_rng(2).exponential(1, 50)
    assert look_at(scale * values).relative_error == pytest.approx(look_at(values).relative_error)


def test_seeds_without_a_value_count_as_seeds_only():
    assert look_at([1.0, math.nan, 3.0, math.inf]) == Look(4, 2, 2.0, pytest.approx(0.5), 0.75)
    nothing = look_at([math.nan] * 3)
    assert (nothing.seeds, nothing.values) == (3, 0)
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.relative_error)


def test_a_mean_of_zero_never_has_a_small_error():
    rule = SeedsUntil(0.5, "rank", 100, at_least=10)
    for values in ([0.0] * 20, [-1.0, 1.0] * 10):
        look = look_at(values)
        assert math.isnan(look.relative_error)
        assert rule.end(look) == ""
    assert rule.end(look_at([0.0] * 100)) == "at most"


def test_why_a_rule_ends():
    rule = SeedsUntil(0.1, "rank", 100, at_least=10)
    assert rule.end(Look(10, 10, 1.0, 0.1)) == "error reached"
    assert rule.end(Look(10, 10, 1.0, 0.1001)) == ""
    assert rule.end(Look(10, 9, 1.0, 0.0)) == ""
    assert rule.end(Look(20, 10, 1.0, 0.0)) == "error reached"
    assert rule.end(Look(20, 9, 1.0, 0.0)) == "too few values"
    assert rule.end(Look(100, 60, 1.0, 0.5)) == "at most"
    assert rule.end(Look(100, 100, 1.0, math.nan)) == "at most"


@pytest.mark.parametrize(
    ("draw", "mean", "least", "covered"),
    [("exponential", 1.0, -0.1, 0.95), ("lognormal", math.exp(1.5**2 / 2), -0.4, 0.92)],
)
def test_the_bias_of_the_stop_is_smaller_than_the_error(draw, mean, least, covered):
    """What docs/study.md says of it: it is of moderate tails small, of heavy ones a third."""
    rule, random = SeedsUntil(0.1, "rank", 5000), np.random.default_rng(3)
    shape = (1,) if draw == "exponential" else (0, 1.5)
    means = []
    for _ in range(300):
        values = getattr(random, draw)(*shape, 5000)
        looks = (look_at(values[:number]) for number in rule.numbers())
        means.append(next(look for look in looks if rule.end(look)).mean)
    off = (np.array(means) / mean - 1) / 0.1
    assert least < off.mean() < 0.1
    assert np.mean(np.abs(off) < 2) > covered
