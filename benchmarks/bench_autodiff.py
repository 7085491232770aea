"""What do automatic differentiation and sampled data give instead, and at what accuracy?

Needs benchmarks/requirements-autodiff.txt; without it the comparison is left out.
"""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from measure import Row, turns

from hessweep.hessian import hessian_operator
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum

OURS = 50
"""Ours are so much shorter that a turn of them is so many."""

# PyTorch's threads else go on spinning after its turn, in the way of ours.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def rows(quick: bool) -> Iterator[Row]:
    """Yield ratios against `jax.hessian` and curvlinops on sampled data."""
    if find_spec("jax"):
        yield _against_jax(N=5 if quick else 20, samples=1000 if quick else 100_000)
    if find_spec("curvlinops") and find_spec("torch"):
        yield _against_curvlinops(N=20 if quick else 300, samples=500 if quick else 10_000)


def _against_jax(N: int, samples: int) -> Row:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    network = sample_teacher("erf", N, N, seed=0)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((samples, N)))

    def loss(theta: Any) -> Any:
        W1, W2 = theta[: N * N].reshape(N, N), theta[N * N :]
        y = jax.scipy.special.erf(x @ W1.T / np.sqrt(2)) @ W2
        return ((y - target) ** 2).mean() / 2

    theta = jnp.asarray(network.parameters)
    target = jnp.asarray(network(np.asarray(x)))
    sampled = jax.jit(jax.hessian(loss))
    found = np.linalg.eigvalsh(np.asarray(sampled(theta)))
    taken = _turns(
        lambda: spectrum(network), lambda: np.linalg.eigvalsh(np.asarray(sampled(theta)))
    )
    exact = spectrum(network)
    top = N
    error = np.abs(found[-top:] / exact[-top:] - 1).max()
    return Row(
        f"erf ({N}, {N}), spectrum",
        taken["ours"],
        f"jax.hessian on {samples} samples + LAPACK",
        taken["theirs"],
        notes={"its largest relative error in the N_h largest eigenvalues": error},
    )


def _against_curvlinops(N: int, samples: int) -> Row:
    import torch
    from curvlinops import GGNLinearOperator

    network = sample_teacher("erf", N, N, seed=0)
    model = _torch_model(network).double()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((samples, N)))
    y = model(x).detach()
    parameters = [p for p in model.parameters() if p.requires_grad]
    # MSELoss is mean((y - y*)²): its Gauss-Newton matrix is 2 H.
    theirs = GGNLinearOperator(model, torch.nn.MSELoss(), parameters, [(x, y)])
    v = np.random.default_rng(1).standard_normal(network.P)
    vector = torch.from_numpy(v)
    ours = hessian_operator(network)
    exact = ours.product(v)
    error = np.linalg.norm((theirs @ vector).numpy() / 2 - exact) / np.linalg.norm(exact)
    taken = _turns(lambda: ours.product(v), lambda: theirs @ vector)
    return Row(
        f"erf ({N}, {N}), product",
        taken["ours"],
        f"curvlinops on {samples} samples",
        taken["theirs"],
        notes={"its relative error": error},
    )


def _turns(ours: Callable[[], Any], theirs: Callable[[], Any]) -> dict[str, float]:
    def many() -> None:
        for _ in range(OURS):
            ours()

    taken = turns({"ours": many, "theirs": theirs}, repeats=4)
    return taken | {"ours": taken["ours"] / OURS}


def _torch_model(network: Network) -> Any:
    import torch

    class Teacher(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W1 = torch.nn.Parameter(torch.from_numpy(network.W1.copy()))
            self.W2 = torch.nn.Parameter(torch.from_numpy(network.W2.copy()))

        def forward(self, x: Any) -> Any:
            return (torch.erf(x @ self.W1.T / np.sqrt(2)) @ self.W2)[:, None]

    return Teacher()
