"""The rank at the optima of students wider than their teacher, by formula (docs/students.md)."""

from hessweep.activations import Activation, Theory
from hessweep.activations import activation as resolve
from hessweep.errors import InputError
from hessweep.networks import Student, check_sizes
from hessweep.rank.formulas import Formula, dimension, formula, support_rank


def student_rank(activation: str | Activation, N_i: int, N_h: int, student: Student) -> Formula:
    """Return the rank of the Hessian at the optimum that `widen` returns, for generic weights.

    Copies of a neuron add nothing, and a cancelling pair adds as much as one more neuron of the
    teacher. Neurons without input weights add the linear functions once, unless g'(0) = 0. Each
    neuron without an output weight adds one function, up to the number of monomials. The proofs
    are in docs/students.md, sec. 2.

    Args:
        activation: The activation or its name.
        N_i: Number of inputs.
        N_h: Number of hidden neurons of the teacher.
        student: The extra neurons.

    Returns:
        The rank and whether it is exact or an upper bound, as `formula` does for the teacher.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        ActivationError: If the name is unknown.
        InputError: If there is no such optimum with this activation.
    """
    check_sizes(N_i, N_h)
    resolved = resolve(activation)
    if refusal := student.refusal(resolved):
        raise InputError(refusal)
    polynomial, known = resolved.polynomial, resolved.theory
    active = N_h + student.cancelling
    if polynomial is not None:
        return _of_polynomial(polynomial.support, N_i, active, student)
    if known is None or (known.homogeneous and N_i == 1):
        return Formula(None, "none")
    value, kind = formula(resolved, N_i, active)
    return Formula((value or 0) + student.zero_output + _at_zero(known, N_i, student), kind)


def _of_polynomial(support: tuple[int, ...], N_i: int, active: int, student: Student) -> Formula:
    """Return the rank for `active` neurons in different classes, and the other extra ones."""
    settled = (0, 1) if student.zero_input else ()
    rest = tuple(d for d in support if d not in settled)
    at_zero = dimension(tuple(d for d in support if d in settled), N_i)
    if not rest:
        return Formula(at_zero, "exact")
    value, kind = support_rank(rest, N_i, active)
    return Formula(at_zero + min((value or 0) + student.zero_output, dimension(rest, N_i)), kind)


def _at_zero(known: Theory, N_i: int, student: Student) -> int:
    """Return the number of linear functions that neurons without input weights add."""
    return N_i * (known.slope_at_zero != 0 and student.zero_input > 0)
