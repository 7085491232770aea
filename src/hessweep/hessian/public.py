"""The Hessian of any kind of network: one function for the two-layer and the deep ones."""

from functools import singledispatch

from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError
from hessweep.hessian import batch, dense
from hessweep.hessian.deep import deep_batch_hessian
from hessweep.hessian.deep_linear import is_affine, linear_hessian
from hessweep.hessian.root import root_of
from hessweep.networks import DeepNetwork, Network, check_two_layers


@singledispatch
def hessian(network: Network | DeepNetwork) -> Float[ndarray, "P P"]:
    """Return the population Hessian at the optimum, `H = E[Σ_o phi_o phi_o^T]`.

    The sum is over the outputs o, and `phi_o = ∂y_o/∂θ`. Parameters are ordered layer by layer:
    `W1` row by row, then `W2`; `b_l` of a deep network after `W_l`. `H` is symmetric, and
    positive semidefinite to rounding error.

    Of a deep network it is exact if the activations are linear, or polynomials for which
    Gauss-Hermite nodes fit. Otherwise it is an estimate from samples, whose eigenvalues have a
    relative error of at most about 0.2 (docs/depth.md).

    Raises:
        InputError: If the network is neither a `Network` nor a `DeepNetwork`.
        TooLargeError: If a deep network is too large to be sampled.
        PrecisionError: If sampling does not reach its relative error.
    """
    raise InputError(f"network: expected a Network or a DeepNetwork, got {network!r}")


hessian.register(Network, dense.hessian)


@hessian.register(DeepNetwork)
def _deep_hessian(network: DeepNetwork) -> Float[ndarray, "P P"]:
    if all(is_affine(g) for g in network.activations):
        return linear_hessian(network)
    R = hessian_root(network)
    return R.T @ R


def hessian_root(network: DeepNetwork) -> Float[ndarray, "k P"]:
    """Return R with `R^T R = hessian(network)` for a deep network.

    The right singular vectors of R are the eigenvectors of H, and its squared singular values the
    eigenvalues, the small ones more accurately than from H.

    Raises:
        TooLargeError: If the network is too large to be sampled.
        PrecisionError: If sampling does not reach its relative error.
    """
    return root_of(network).R


@singledispatch
def batch_hessian(
    student: Network | DeepNetwork,
    teacher: Network | DeepNetwork,  # noqa: ARG001  for the registered functions
    x: Float[ndarray, "n N_i"],  # noqa: ARG001
) -> tuple[Float[ndarray, "P P"], Float[ndarray, "P P"]]:
    """Return the Hessian of the batch loss `Σ |y - y*|² / 2n` in two parts (eqs 1-5).

    Args:
        student: The network whose parameters are varied.
        teacher: A network of the same kind, inputs and outputs.
        x: The inputs.

    Returns:
        The outer-product part `Σ phi phi^T / n` and the functional part
        `Σ (y - y*) ∂²y/∂θ² / n`, both summed over the outputs; the Hessian is their sum. At the
        optimum the second is 0.

    Raises:
        InputError: If student and teacher are not two networks of one kind.
        ShapeError: If student, teacher and data do not fit together.
    """
    raise InputError(f"student: expected a Network or a DeepNetwork, got {student!r}")


@batch_hessian.register(Network)
def _two_layers(
    student: Network, teacher: Network, x: Float[ndarray, "n N_i"]
) -> tuple[Float[ndarray, "P P"], Float[ndarray, "P P"]]:
    check_two_layers(teacher, "batch_hessian with a two-layer student")
    return batch.batch_hessian(student, teacher, x)


batch_hessian.register(DeepNetwork, deep_batch_hessian)
