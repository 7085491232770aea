import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.errors import QueryError
from hessweep.store.expression import parse

TABLE = pd.DataFrame(
    {
        "N_i": [1, 2, 3, 5, 5, 8],
        "N_h": [1, 3, 3, 4, 5, 1],
        "seed": [0, 2**53 + 1, 7, 2**62 + 3, 1, 4],
        "trace": [0.5, np.nan, -1.0, np.inf, 3.0, 2.0],
        "activation": ["erf", "linear", "erf", "quadratic(epsilon=0.5)", "é", ""],
    }
)


def select(text: str) -> list[bool]:
    columns = {
        name: values.to_numpy().astype(np.dtypes.StringDType())
        if name == "activation"
        else values.to_numpy()
        for name, values in TABLE.items()
    }
    mask = parse(text, list(columns))(columns.__getitem__)
    return np.broadcast_to(mask, len(TABLE)).tolist()


NUMBERS = st.one_of(
    st.sampled_from(["N_i", "N_h", "trace"]),
    st.integers(0, 9).map(str),
    st.floats(0, 9, allow_nan=False).map(repr),
)
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, st.sampled_from(["/", "%", "**"]), st.integers(1, 3)).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
    ),
    max_leaves=4,
)
ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
LABELS = st.sampled_from(sorted(TABLE["activation"]))
COMPARISONS = st.one_of(
    st.tuples(ARITHMETIC, ORDER, st.sampled_from(["N_i", "trace"])).map(" ".join),
    st.tuples(st.just("N_i"), ORDER, ARITHMETIC, ORDER, NUMBERS).map(" ".join),
    st.tuples(st.just("activation"), ORDER, LABELS.map(repr)).map(" ".join),
    st.tuples(
        st.just("activation"),
        st.sampled_from(["in", "not in"]),
        st.lists(LABELS, min_size=1, max_size=3).map(repr),
    ).map(" ".join),
    st.lists(st.integers(0, 9), min_size=1, max_size=3).map(lambda items: f"N_h in {items}"),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda text: f"(not ({text}))"),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=150)
@given(CONDITIONS)
def test_a_condition_selects_what_pandas_selects(text):
    by_pandas = TABLE.eval(text, engine="python", parser="pandas")
    assert select(text) == by_pandas.tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("activation == 'erf' and N_i == N_h", [0, 2]),
        ("1 < N_i < 5", [1, 2]),
        ("seed == 9007199254740993", [1]),
        ("seed % 2 == 1 and seed > 2**52", [1, 3]),
        ("trace != trace", [1]),
        ("N_i % 0 == 0 or N_i // 0 == 0", []),
        ("N_i % (N_h - 1) == 0", [1]),
        ("N_i // (N_h - 1) == 0", []),
        ("N_i ** -1 == 0.2", [3, 4]),
        ("N_i ** 64 == 2 ** 64", [1]),
        ("2 ** 1000000000 > N_i ** N_h", [0, 1, 2, 3, 4, 5]),
        ("activation in ('é', 'erf') and not N_i == 1", [2, 4]),
        ("True", [0, 1, 2, 3, 4, 5]),
        ("-trace > 0 or +trace == 0.5", [0, 2]),
        ("activation in []", []),
    ],
)
def test_conditions_that_are_known(text, rows):
    assert np.flatnonzero(select(text)).tolist() == rows


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "N_i.real == 1",
        "N_i[0] == 1",
        "(lambda: 1)() == 1",
        "[x for x in N_i] == 1",
        "N_i & 1 == 1",
        "~N_i == 1",
        "N_i if N_h else 1",
        "f'{N_i}' == '1'",
        "(N_i := 1) == 1",
        "N_i is 1",
        "@N_i == 1",
        "N_i == [1]",
        "N_i in 3",
        "N_i in [[1]]",
        "b'x' == activation",
        "1j == N_i",
        "None == N_i",
        "",
        "N_i ==",
        "N_i == 1; N_h == 1",
        "N_i == 1\x00",
        "(" * 500 + "N_i == 1" + ")" * 500,
        "not " * 2400 + "N_i",
        " or ".join(["N_i == 1"] * 2000),
    ],
)
def test_what_is_not_a_condition_can_not_be_written(text):
    with pytest.raises(QueryError):
        select(text)


@pytest.mark.parametrize(
    "text",
    [
        "N_i",
        "N_i + 1",
        "activation",
        "activation == 1",
        "activation < N_i",
        "N_i in ['erf']",
        "not N_i",
        "N_i and True",
        "activation + 'x' == 'erfx'",
        "'x' * 1000000000 == activation",
        "N_i == 2 ** 70 + 99999999999999999999999999",
        "-activation == 1",
    ],
)
def test_what_does_not_fit_together_is_an_error(text):
    with pytest.raises(QueryError, match=r"expected|text|arithmetic"):
        select(text)


def test_an_unknown_column_is_named_with_those_that_exist():
    told = r"no column N_j \(did you mean 'N_i'\?\); columns are N_i, N_h, seed"
    with pytest.raises(QueryError, match=told):
        select("N_j == 1")


def test_columns_that_do_not_matter_are_not_asked_for():
    asked = []

    def column(name):
        asked.append(name)
        return "erf"

    text = "activation == 'linear' and N_i > 5"
    assert not parse(text, list(TABLE))(column)
    assert asked == ["activation"]


@pytest.mark.parametrize(
    "text",
    [
        "N_i * 4611686018427387904 > 0",
        "N_i + 9223372036854775807 > 9e18",
        "0 - N_i - 9223372036854775807 < -9e18",
        "-9223372036854775808 < 0",
        "N_i * 4611686018427387904 // 2 > 0",
        "N_i * 9223372036854775807 == 9223372036854775807 * N_i",
    ],
)
def test_integers_do_not_wrap_around(text):
    values = {"N_i": np.array([2, 3, 5])}
    assert np.all(parse(text, ["N_i"])(values.__getitem__))


def test_integers_that_fit_stay_exact():
    values = {"N_i": np.array([2**53 + 1, 3])}
    mask = parse("N_i + 1 == 9007199254740994", ["N_i"])(values.__getitem__)
    assert mask.tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    ["N_i == " + "7" * 5000, "N_i == 0x" + "7" * 5000, "N_i in [0x1" + "0" * 16 + "]",
     "status == '\\ud800'", "status == '\udc80'", "\udc80 == 1"],
)  # fmt: skip
def test_what_no_column_can_hold_is_refused_in_words(text):
    with pytest.raises(QueryError) as caught:
        parse(text, ["N_i", "status"])
    assert len(str(caught.value)) < 12_000
