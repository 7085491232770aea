"""What the kind `exact` stores of students: the rank by formula, and the learning coefficient."""

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from hessweep.columns import Column
from hessweep.kinds.values import columns_of_formula

if TYPE_CHECKING:
    from hessweep.networks import Network
    from hessweep.rank import Rank
    from hessweep.setup import Setup

LEARNING = (
    Column(
        "learning_lower", "float64", "proved lower bound on the learning coefficient", "1", nan
    ),
    Column(
        "learning_upper", "float64", "proved upper bound on the learning coefficient", "1", nan
    ),
)
"""Equal where the learning coefficient is known; NaN with biases, several outputs or depth."""


def student_columns(setup: "Setup") -> dict[str, Any]:
    """Return the rank by formula at the optimum of a wide student; nothing for a teacher."""
    from hessweep.networks import Student
    from hessweep.rank import student_rank

    if not setup.is_wide:
        return {}
    student = Student.parse(setup.student)
    return columns_of_formula(student_rank(setup.activation, setup.N_i, setup.N_h, student))


def learning_columns(network: "Network", proof: Mapping[str, Any]) -> dict[str, float]:
    """Return the bounds on the learning coefficient of a plain network, NaN for others.

    Args:
        network: The network.
        proof: What is stored about its rank, by column.
    """
    from hessweep.rank import Rank
    from hessweep.rank.learning import learning_coefficient

    if not network.is_plain:
        return unknown_learning()
    names = ("rank", "rank_lower", "rank_upper", "rank_certificate", "rank_method")
    known = learning_coefficient(network, Rank(*(proof[name] for name in names)))
    return dict(zip((column.name for column in LEARNING), known, strict=True))


def known_learning_columns(proof: "Rank") -> dict[str, float]:
    """Return the learning coefficient of plain networks whose rank is the largest of their size.

    These have proved ranks, and weights near which the output is differentiable.
    """
    return {column.name: proof.value / 2 for column in LEARNING}


def unknown_learning() -> dict[str, float]:
    """Return these columns without values."""
    return {column.name: nan for column in LEARNING}
