"""How the spectrum of a deep network is computed: known from activations and sizes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hessweep.activations import Activation
from hessweep.hessian.deep_linear import is_affine
from hessweep.hessian.factor import chunk_size, nodes_fit, nodes_work
from hessweep.hessian.nodes import exact_nodes_each
from hessweep.hessian.sampled import least_samples, sampling_work
from hessweep.networks import biased_layers, check_widths, parameter_count
from hessweep.spectrum.solver import workspace_numbers


@dataclass(frozen=True)
class DeepPlan:
    """How the spectrum of one deep network is computed (docs/depth.md)."""

    method: Literal["linear", "dense", "nodes", "sampled"]
    """`linear`: the closed form of deep linear networks, or H itself (`dense`) where that is
    smaller; `nodes`: exact Gauss-Hermite nodes; `sampled`: an estimate."""
    size: int
    """Size of the matrix whose eigenvalues or singular values are computed."""
    nodes: int
    """Number of inputs at which gradients are evaluated; for `sampled` the fewest."""
    work: float
    """Multiplications, for `sampled` at least; 0 where no gradients are evaluated."""
    peak_bytes: int
    """Peak memory, including weights and result."""

    @property
    def row_space(self) -> bool:
        """Whether the row space of W1 is split off, as for two layers: never."""
        return False

    @property
    def is_exact(self) -> bool:
        """Whether the only errors are rounding errors."""
        return self.method != "sampled"

    @property
    def in_words(self) -> str:
        """The route in words, such as `exact by 125 Gauss-Hermite nodes`."""
        if self.method == "nodes":
            return f"exact by {self.nodes:,} Gauss-Hermite nodes"
        if self.method == "sampled":
            return f"estimated from {self.nodes:,} samples or more"
        return f"exact, of a matrix of size {self.size:,}"

    @property
    def route(self) -> str:
        """The route as text, such as `deep, nodes`."""
        return f"deep, {self.method}"


def deep_plan(
    activations: Sequence[Activation],
    widths: Sequence[int],
    biases: str | Sequence[bool] = "none",
    shifted: bool = False,
) -> DeepPlan:
    """Return the cheapest exact route, or sampling, for networks of these sizes.

    Args:
        activations: One for each hidden layer.
        widths: `d_0, ..., d_L`.
        biases: Which layers have biases, as `sample_deep_teacher` takes it.
        shifted: Whether the inputs have a mean other than 0.

    Raises:
        ShapeError: If `widths` are not two or more whole numbers of at least 1.
        InputError: If the choice of biases is unknown or does not fit.
    """
    sizes = check_widths(widths)
    biased = biased_layers(biases, len(sizes) - 1)
    P = parameter_count(sizes, biased)
    if all(is_affine(g) for g in activations):
        constants = [g.polynomial.coefficients[0] for g in activations if g.polynomial is not None]
        small = sizes[-1] * (sizes[0] + (shifted or any(biased) or any(constants)))
        size = min(small, P)
        numbers = 3 * size**2 + 4 * P + workspace_numbers(size)
        numbers += sum((sizes[-1] + sizes[0] + 1) * d for d in sizes)
        return DeepPlan("linear" if small < P else "dense", size, 0, 0.0, 8 * numbers)
    each = exact_nodes_each(activations)
    if each is not None and nodes_fit(activations, sizes, P):
        nodes = each ** sizes[0]
        work = nodes_work(each, sizes, P)
        memory = _memory(nodes, sizes, P)
        return DeepPlan("nodes", min(P, nodes * sizes[-1]), nodes, work, memory)
    nodes = least_samples(sizes, P)
    # More samples follow where these do not reach the error: up to whole chunks.
    memory = _memory(chunk_size(sizes[-1], P), sizes, P) + 8 * 16 * P**2
    return DeepPlan("sampled", P, nodes, sampling_work(sizes, P, nodes), memory)


def _memory(nodes: int, widths: Sequence[int], P: int) -> int:
    """Return the memory of the gradients at a time, with the copies that the QR makes."""
    points = min(nodes, chunk_size(widths[-1], P))
    return 8 * (6 * points * widths[-1] * P + 8 * P**2) + 2**21
