"""Spectra of networks with biases, several outputs and any normal inputs (docs/biases.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation
from hessweep.errors import InputError
from hessweep.hessian.deep_linear import is_affine
from hessweep.hessian.general import Weights, assembled, seen
from hessweep.hessian.general_error import general_hessian_error
from hessweep.networks import Layout, Network
from hessweep.spectrum.general_accuracy import general_gram_error, kernel_with_error
from hessweep.spectrum.gram import stacked_general_gram
from hessweep.spectrum.linear_outputs import linear_eigenvalues
from hessweep.spectrum.solver import EPS, LANES, UNDERFLOW, solver_error, stacked_eigenvalues

STACK_BYTES = 2**24
"""Networks are solved in stacks of about this much memory, so that a stack stays in cache."""


@dataclass(frozen=True)
class GeneralPlan:
    """How the spectrum of a network is computed; it follows from its architecture alone."""

    closed_form: bool
    """Whether g is linear, so that only small matrices have to be diagonalised."""
    row_space: bool
    """Whether what is outside the row space of W1 is split off."""
    gram: bool
    """Whether `J^T J` is solved in place of the Hessian `J J^T`."""
    size: int
    """Size of the largest eigenproblem."""
    zeros: int
    """The number of eigenvalues that are 0 because `J^T J` is smaller than the Hessian."""

    @property
    def route(self) -> str:
        """Its name, as `Spectrum.route` has it."""
        if self.closed_form:
            return "closed form"
        parts = ["row space"] * self.row_space + ["gram"] * self.gram
        return ", ".join(parts) or "dense"


def general_plan(activation: Activation, layout: Layout, standard_inputs: bool) -> GeneralPlan:
    """Return how the spectrum of a network is computed.

    Args:
        activation: Its activation.
        layout: Its sizes and biases.
        standard_inputs: Whether its inputs are standard normal.
    """
    if is_affine(activation):
        return GeneralPlan(True, False, False, size=layout.N_i + 1, zeros=0)
    row_space = standard_inputs and layout.N_h < layout.N_i
    inside = replace(layout, N_i=min(layout.N_i, layout.N_h)) if row_space else layout
    polynomial = activation.polynomial
    size = inside.P
    if polynomial is not None and standard_inputs:
        size = min(size, layout.N_o * comb(inside.N_i + polynomial.degree, polynomial.degree))
    return GeneralPlan(False, row_space, size < inside.P, size, inside.P - size)


def plan_of(network: Network) -> GeneralPlan:
    """Return how the spectrum of a network is computed."""
    inputs = network.inputs
    standard = inputs is None or inputs.is_standard
    return general_plan(network.activation, network.layout, standard)


def general_eigenvalues(
    networks: Sequence[Network],
) -> tuple[Float[ndarray, "S P"], Float[ndarray, " S"], GeneralPlan]:
    """Return eigenvalues, ascending, bounds on their errors, and the plan.

    Args:
        networks: Networks of one activation and architecture, with the same inputs.

    Raises:
        InputError: If the networks differ in more than their weights.
    """
    first = networks[0]
    alike = _architecture(first)
    for network in networks:
        g = network.activation
        same = network.inputs is first.inputs and (g is first.activation or g == first.activation)
        if not same or _architecture(network) != alike:
            raise InputError(
                "networks: expected networks of one activation and architecture, with the same "
                "inputs"
            )
    plan = plan_of(first)
    bytes_each = 8 * plan.size**2
    together = max(1, STACK_BYTES // bytes_each // LANES * LANES)
    values, errors = np.empty((len(networks), first.P)), np.empty(len(networks))
    for start in range(0, len(networks), together):
        part = slice(start, start + together)
        # Overflows are found by their results.
        with np.errstate(over="ignore", invalid="ignore"):
            values[part], errors[part] = _solve(first.activation, networks[part], plan)
    return values, errors + UNDERFLOW * first.P, plan


def _architecture(network: Network) -> tuple[Any, ...]:
    """Return what networks of one layout have in common; ten times faster than the layout."""
    return network.W1.shape, network.W2.shape, network.b1 is None, network.b2 is None


def _solve(
    activation: Activation, networks: Sequence[Network], plan: GeneralPlan
) -> tuple[Float[ndarray, "S P"], Float[ndarray, " S"]]:
    weights = Weights.of(networks)
    if plan.closed_form and activation.polynomial is not None:
        return linear_eigenvalues(activation.polynomial, weights)
    parts, row_error = [], 0.0
    if plan.row_space:
        row_error = EPS * (weights.layout.N_i + weights.layout.N_h)
        times = weights.layout.N_i - weights.layout.N_h
        weights, outside = _row_space(activation, weights)
        parts.append(np.repeat(outside, times, axis=1))
    if plan.gram and activation.polynomial is not None:
        matrices = stacked_general_gram(activation.polynomial, weights)
        error = general_gram_error(activation.polynomial, weights, row_error)
        parts.append(np.zeros((len(networks), plan.zeros)))
    else:
        of = seen(weights)
        kernel, error = kernel_with_error(activation, weights, of, row_error)
        if activation.has_offset_series:
            error = error + [general_hessian_error(network) for network in networks]
        matrices = assembled(weights, of, kernel)
    parts.append(stacked_eigenvalues(matrices))
    found = np.concatenate(parts, axis=1)
    error = error + solver_error(plan.size, np.abs(found).max(axis=1))
    found.sort(axis=1)
    return found, error


def general_row_space(network: Network) -> tuple[Network, Float[ndarray, " N_h"]]:
    """Split a network with N_h < N_i and standard inputs by the row space of W1, `W1 = L Q^T`.

    Returns:
        The network whose first layer is L, and the N_h eigenvalues outside the row space, each of
        which H has N_i - N_h times.
    """
    reduced, [outside] = _row_space(network.activation, Weights.of([network]))
    [L] = reduced.W1
    return Network(L, network.W2, network.activation, b1=network.b1, b2=network.b2), outside


def _row_space(
    activation: Activation, weights: Weights
) -> tuple[Weights, Float[ndarray, "S N_h"]]:
    """Split networks with N_h < N_i by the row space of W1, `W1 = L Q^T`.

    Returns:
        The reduced networks, whose first layer is L, and the N_h eigenvalues outside the row
        space, `eig((W2^T W2) ∘ E11)`, each of which H has N_i - N_h times.
    """
    R = np.asarray(blas.qr(weights.W1.swapaxes(1, 2), mode="r"))
    L = np.ascontiguousarray(R.swapaxes(1, 2))
    inside = replace(weights.layout, N_i=weights.layout.N_h)
    reduced = replace(weights, W1=L, layout=inside, inputs=None)
    E11 = activation.offset_dual(*seen(reduced).pairs()).E11
    outside = weights.W2.swapaxes(1, 2) @ weights.W2 * E11
    return reduced, stacked_eigenvalues(outside)
