"""The axis `widths` of a sweep: what it means, and what does not go with it."""

import pytest

from hessweep.activations import activation
from hessweep.errors import ShapeError, StudyError
from hessweep.setup import Setup
from hessweep.study import parse_study
from hessweep.widths import axes_of_widths, check_axes, read_widths


def sweep(**keys):
    document = {"name": "s", "sweeps": {"deep": {"activation": "erf", "seeds": 2, **keys}}}
    return parse_study(document).sweeps["deep"]


def test_widths_are_a_way_to_give_sizes():
    found = list(sweep(widths=[[3, 4, 4, 2], [2, 3, 1], [2, 2, 2, 2, 1]]).setups())
    assert [setup.widths for setup in found] == ["3-4-4-2", "", "2-2-2-2-1"]
    assert [(s.N_i, s.N_h, s.N_o, s.depth) for s in found] == [
        (3, 8, 2, 3),
        (2, 3, 1, 2),
        (2, 6, 1, 4),
    ]
    assert [setup.P for setup in found] == [12 + 16 + 8, 9, 14]


def test_two_layers_are_the_same_point_however_they_are_given():
    by_widths = sweep(widths=[[3, 4, 1]], kind="exact").points()
    assert [p.key for p in by_widths] == [p.key for p in sweep(sizes=[[3, 4]]).points()]
    assert len({p.key for p in sweep(widths=[[3, 4, 1], [3, 2, 2, 1]]).points()}) == 4


def test_the_kind_is_exact_where_there_is_an_exact_route():
    grid = sweep(activation=["erf", "cubic"], widths=[[3, 2, 2, 1], [3, 2, 1]], asked_error=0.5)
    kinds = {(str(s.activation), s.depth): (s.kind, s.asked_error) for s in grid.setups()}
    assert kinds == {
        ("erf", 3): ("sampled", 0.5),
        ("erf", 2): ("exact", 0.2),
        ("cubic", 3): ("exact", 0.2),
        ("cubic", 2): ("exact", 0.2),
    }
    again = type(grid).model_validate(grid.model_dump(mode="json"))
    assert list(again.setups()) == list(grid.setups())


def test_inputs_go_with_widths():
    setups = list(sweep(widths=[[3, 2, 2, 1]], inputs=["standard", {"mean": 0.5}]).setups())
    assert [setup.inputs for setup in setups] == ["standard", "mean(0.5)"]
    assert len({setup.key(0) for setup in setups}) == 2
    assert (setups[1].network(0).inputs.mean == 0.5).all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "or widths"),
        ({"widths": [[3, 4, 4, 1]], "N": 3}, "got N and widths"),
        ({"widths": [3, 4, 4, 1]}, r"expected a list of widths.*got 3"),
        ({"widths": [[3, 1]]}, "at least one hidden layer"),
        ({"widths": [[3, 0, 2, 1]]}, "each from 1"),
        ({"widths": [[3, True, 2, 1]]}, "whole|each from 1"),
        ({"widths": [[1] * 200]}, "at most 100 layers"),
        ({"widths": [[3, 4, 4, 1]], "outputs": 2}, "outputs: does not go with widths; the last"),
        ({"widths": [[3, 4, 4, 1]], "student": {"split": 1}}, "student: does not go with widths"),
        ({"widths": [[3, 4, 4, 1]], "kind": "density"}, "two layers only"),
        ({"widths": [[3, 4, 4, 1]], "kind": "training"}, "two layers only"),
        ({"widths": [[3, 4, 4, 1]], "kind": "exact"}, "no exact route"),
        ({"widths": [[50, 60, 60, 1]]}, "take smaller widths"),
        ({"widths": [[3, 4, 4, 1]], "asked_error": 2}, "between 0 and 1"),
        ({"N": 3, "asked_error": 0.1}, "only kind: sampled takes it"),
        ({"N": 3, "kind": "exact-or-sampled"}, "for sweeps with widths"),
    ],
)
def test_what_does_not_go_together_is_refused(keys, message):
    with pytest.raises(StudyError, match=message):
        sweep(**keys)


def test_the_text_of_widths_is_read_and_checked():
    assert read_widths("3-4-4-1") == (3, 4, 4, 1)
    for text in ("3-4-1", "3-4--1", "3-4-0-1", "03-4-4-1", "", "a-b-c-d"):
        with pytest.raises(ShapeError):
            read_widths(text)
    check_axes("3-4-4-1", 3, 8, 1)
    with pytest.raises(ShapeError, match="N_h = 9"):
        Setup(activation("erf"), 3, 9, widths="3-4-4-1")
    with pytest.raises(ShapeError, match="expected inputs"):
        axes_of_widths([3, 2.5, 1, 1])
