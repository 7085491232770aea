"""The exact rank of any two-layer network whose activation has the independence theorem.

Neurons are in one class if they see the same function `w.x + b` of the inputs, or its negative
where `g(-u) = ±g(u) + affine` (for ReLU: the same hyperplane; for exp: the same w). Gradients of
different classes are linearly independent, even modulo affine functions (docs/biases.md). So each
gradient is a vector of rational coefficients, and the rank of these vectors is the rank of H.
"""

from collections.abc import Callable, Hashable, Iterable
from fractions import Fraction

from hessweep.activations import Activation
from hessweep.activations.exponential import Exp
from hessweep.activations.trigonometric import Cos, Sin
from hessweep.rank.exact_neurons import Neurons, Row, exact_rank

Name = tuple[Hashable, ...]
"""Names a function: its kind, its class, its output, and the input that it is multiplied by."""
Vector = dict[Name, Fraction]
ZERO, ONE = Fraction(0), Fraction(1)


def classes_rank(activation: Activation, of: Neurons) -> tuple[int, int] | None:
    """Return a lower and an upper bound on the rank, or None where no theorem is known.

    They are equal but for sin and cos with several outputs and more than two neurons that have
    the same weights and different biases.
    """
    theory = activation.theory
    if theory is None:
        return None
    if isinstance(activation, Sin | Cos):
        return _trigonometric(activation, of)
    express: Callable[[int], list[Vector] | None]
    if theory.homogeneous:
        express = _Ramps(of).vectors
    elif isinstance(activation, Exp):
        express = _Exponentials(of).vectors
    else:
        express = _Classes(activation, of).vectors
    rank = _rank_of_gradients(of, range(len(of.w)), express)
    return None if rank is None else (rank, rank)


def _rank_of_gradients(
    of: Neurons, neurons: Iterable[int], express: Callable[[int], list[Vector] | None]
) -> int | None:
    """Return the rank of the gradients of some neurons and of all output biases.

    Args:
        of: The network.
        neurons: Which of its neurons.
        express: Returns the gradients of one neuron, or None where they are not known.

    Returns:
        The rank, or None where the gradients of any of these neurons are not known.
    """
    vectors: list[Vector] = []
    for k in neurons:
        found = express(k)
        if found is None:
            return None
        vectors += found
    if of.output_biases:
        vectors += [{("affine", 0, o, -1): ONE} for o in range(of.N_o)]
    return _rank_of(vectors)


def output_span(of: Neurons, members: list[int]) -> int:
    """Return the dimension of the span of some neurons' output weights."""
    return exact_rank([list(of.outputs[k]) for k in members]).lower


def _gradients(
    of: Neurons, k: int, coefficient: Fraction, names: Callable[[int, int], Name]
) -> list[Vector]:
    """Return the gradients by weights and bias: `coefficient W2_o x_n s(x)` for each n.

    `names(o, n)` names the function `x_n s(x)` of output o, with n = -1 for `s(x)` itself.
    """
    columns = [*range(of.inputs), *([-1] if of.constants else [])]
    return [
        {names(o, n): coefficient * out for o, out in enumerate(of.outputs[k]) if out}
        for n in columns
    ]


def _affine(o: int, w: Row, b: Fraction, factor: Fraction) -> Vector:
    """Return `factor (w.x + b)` of output o."""
    found: Vector = {("affine", 0, o, n): factor * value for n, value in enumerate(w)}
    found["affine", 0, o, -1] = factor * b
    return found


def _sum(*parts: Vector) -> Vector:
    total: Vector = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, ZERO) + value
    return {name: value for name, value in total.items() if value}


class _Classes:
    """Neurons of an activation whose classes are pairs (w, b), up to sign where it reflects."""

    def __init__(self, activation: Activation, of: Neurons) -> None:
        self.activation, self.of = activation, of
        theory = activation.theory
        self.reflection = None if theory is None else theory.reflection
        self.number: dict[Hashable, int] = {}

    def vectors(self, k: int) -> list[Vector] | None:
        of, (w, b) = self.of, (self.of.w[k], self.of.b[k])
        if not any(w):
            return self._constant(k)
        flipped = self.reflection is not None and next(v for v in w if v) < 0
        key = (tuple(-v for v in w), -b) if flipped else (w, b)
        reflected = (self.reflection or (1, 0, 0)) if flipped else (1, 0, 0)
        s, a, slope = (Fraction(v) for v in reflected)
        number = self.number.setdefault(key, len(self.number))
        # With z = w.x + b of the class and the neuron's own -z: g(-z) = s g(z) + a + slope z, and
        # g'(-z) = -s g'(z) - slope.
        values = [
            _sum(
                {("value", number, o): s},
                _affine(o, key[0], key[1], slope),
                {("affine", 0, o, -1): a},
            )
            for o in range(of.N_o)
        ]
        sign = -s if flipped else ONE
        slopes = _gradients(of, k, sign, lambda o, n: ("slope", number, o, n))
        shifts = _gradients(of, k, -slope, lambda o, n: ("affine", 0, o, n))
        return values + [_sum(*pair) for pair in zip(slopes, shifts, strict=True)]

    def _constant(self, k: int) -> list[Vector] | None:
        """Return the gradients of a neuron that sees a constant; None if g' may vanish there."""
        of, b = self.of, self.of.b[k]
        value, slope = (_is_zero(self.activation, b, order) for order in (0, 1))
        if value is None or slope is None:
            return None
        found: list[Vector] = []
        if not value:
            found += [{("affine", 0, o, -1): ONE} for o in range(of.N_o)]
        if not slope:
            found += _gradients(of, k, ONE, lambda o, n: ("affine", 0, o, n))
        return found


class _Exponentials:
    """Neurons of exp: `g(w.x + b)` is a multiple of `g(w.x)`, and so is g'."""

    def __init__(self, of: Neurons) -> None:
        self.of = of
        self.number: dict[Hashable, int] = {}

    def vectors(self, k: int) -> list[Vector]:
        of, w = self.of, self.of.w[k]

        number = self.number.setdefault(w, len(self.number))

        def name(o: int, n: int) -> Name:
            return ("slope", number, o, n) if any(w) else ("affine", 0, o, n)

        return [{name(o, -1): ONE} for o in range(of.N_o)] + _gradients(of, k, ONE, name)


class _Ramps:
    """Neurons of ReLU: classes are hyperplanes; functions are step(z) times affine ones."""

    def __init__(self, of: Neurons) -> None:
        self.of = of
        self.number: dict[Hashable, int] = {}

    def vectors(self, k: int) -> list[Vector]:
        of, (w, b) = self.of, (self.of.w[k], self.of.b[k])
        if not any(w):
            if b <= 0:
                return []
            constants: list[Vector] = [{("affine", 0, o, -1): ONE} for o in range(of.N_o)]
            return constants + _gradients(of, k, ONE, lambda o, n: ("affine", 0, o, n))
        first = next(v for v in w if v)
        plane = (*(v / first for v in w), b / first)
        number = self.number.setdefault(plane, len(self.number))

        def on_plane(o: int, n: int) -> Name:
            return ("step", number, o, n)

        values: list[Vector] = [
            {on_plane(o, n): value for n, value in [*enumerate(w), (-1, b)] if value}
            for o in range(of.N_o)
        ]
        slopes = _gradients(of, k, ONE, on_plane)
        if first > 0:
            return values + slopes
        # step(-z) = 1 - step(z): the same affine function on the other side.
        return [
            _sum(
                {name: -value for name, value in vector.items()},
                {("affine", 0, *name[2:]): value for name, value in vector.items()},
            )
            for vector in values + slopes
        ]


def _trigonometric(activation: Activation, of: Neurons) -> tuple[int, int] | None:
    """Return bounds for sin and cos: what has one w is a combination of sin w.x and cos w.x."""
    groups: dict[Row, dict[Fraction, list[int]]] = {}
    constant_neurons = []
    for k, (w, b) in enumerate(zip(of.w, of.b, strict=True)):
        if not any(w):
            constant_neurons.append(k)
            continue
        flipped = next(v for v in w if v) < 0
        key, offset = (tuple(-v for v in w), -b) if flipped else (w, b)
        groups.setdefault(key, {}).setdefault(offset, []).append(k)
    lower = upper = 0
    for group in groups.values():
        spans = [output_span(of, members) for members in group.values()]
        if len(group) == 1:
            [span] = spans
            lower, upper = (
                bound + of.N_o + span * (of.inputs + of.constants) for bound in (lower, upper)
            )
            continue
        # All of sin and cos of each output; the bias adds nothing to them.
        total = sum(spans)
        most = min(total, 2 * of.N_o)
        exact = len(group) == 2 or of.N_o == 1
        least = most if exact else max(sum(sorted(spans)[-2:]), 0)
        lower += 2 * of.N_o + min(least, most) * of.inputs
        upper += 2 * of.N_o + most * of.inputs
    affine = _rank_of_gradients(of, constant_neurons, _Classes(activation, of).vectors)
    return None if affine is None else (lower + affine, upper + affine)


def _is_zero(activation: Activation, b: Fraction, order: int) -> bool | None:
    """Return whether `g(b)`, or `g'(b)`, is zero; None where balls do not exclude it."""
    from flint import arb, fmpq

    from hessweep.rank.ball import working_precision

    theory, balls = activation.theory, activation.in_balls
    if theory is None or balls is None:
        return None
    if not b:
        return not (theory.slope_at_zero if order else theory.at_zero)
    with working_precision(256):
        at = arb(fmpq(b.numerator, b.denominator))
        value = balls.derivative(at) if order else balls.g(at)
        return None if value.contains(0) else False


def _rank_of(vectors: list[Vector]) -> int:
    """Return the rank of sparse vectors, part by part where they share no functions."""
    parts: list[tuple[set[Name], list[Vector]]] = []
    for vector in filter(None, vectors):
        names, members, others = set(vector), [vector], []
        for part in parts:
            if names.isdisjoint(part[0]):
                others.append(part)
            else:
                names, members = names | part[0], members + part[1]
        parts = [*others, (names, members)]
    total = 0
    for names, members in parts:
        columns = sorted(names, key=repr)
        matrix = [[vector.get(name, ZERO) for name in columns] for vector in members]
        total += exact_rank(matrix).lower
    return total
