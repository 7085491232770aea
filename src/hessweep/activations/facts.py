"""The facts about an activation on which proofs rest."""

from collections.abc import Callable
from dataclasses import dataclass

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.theory import Theory


@dataclass(frozen=True)
class Facts:
    """What is proved about the functions of one class of activations.

    The defaults state nothing, so that nothing is ever proved about an activation that says
    nothing about itself.
    """

    closed_form: bool = False
    """Whether the dual kernel is a formula, so that its error in float64 is bounded and not
    merely estimated."""
    theory: Theory | None = None
    """What the independence theorem needs; None if the theorem is not proved for it."""
    in_balls: Callable[[], BallFunctions] | None = None
    """Returns the activation in ball arithmetic; a function, so that flint is imported only when
    it is needed. None if there is none."""
