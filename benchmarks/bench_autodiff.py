"""What do automatic differentiation and sampled data give instead, and at what accuracy?

Needs benchmarks/requirements-autodiff.txt; without it the comparison is left out.
"""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from measure import Row, turns

from hessweep.density import converged_eigenvalues
from hessweep.hessian import hessian_operator
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum

OURS = 50
"""Ours are so much shorter that a turn of them is so many."""

STEPS = 100
"""Products in a Lanczos run, of ours and of matfree."""

TOGETHER = 10_000
"""Samples whose Hessian JAX computes at once: 100,000 would take 20 GB."""

# PyTorch's threads else go on spinning after its turn, in the way of ours.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def rows(quick: bool) -> Iterator[Row]:
    """Yield ratios against `jax.hessian`, curvlinops, matfree and PyHessian on sampled data."""
    if find_spec("jax"):
        yield _against_jax(N=5 if quick else 20, samples=1000 if quick else 100_000)
    if find_spec("curvlinops") and find_spec("torch"):
        yield _against_curvlinops(N=20 if quick else 300, samples=500 if quick else 10_000)
    N, samples = (10, 500) if quick else (100, 10_000)
    if find_spec("jax") and find_spec("matfree"):
        yield _against_matfree(N, samples)
    if find_spec("torch") and find_spec("pyhessian"):
        yield _against_pyhessian(N, samples)


def _jax_loss(network: Network) -> Callable[..., Any]:
    """Return the loss as a function of the parameters, of inputs and of what they should give."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    N_h, N_i = network.W1.shape

    def loss(theta: Any, x: Any, target: Any) -> Any:
        W1, W2 = theta[: N_h * N_i].reshape(N_h, N_i), theta[N_h * N_i :]
        y = jax.scipy.special.erf(x @ W1.T / jnp.sqrt(2)) @ W2
        return ((y - target) ** 2).mean() / 2

    return loss


def _jax_samples(network: Network, samples: int) -> tuple[Any, Any]:
    """Return sampled inputs, and what the network gives for them."""
    import jax.numpy as jnp

    x = np.random.default_rng(0).standard_normal((samples, network.N_i))
    return jnp.asarray(x), jnp.asarray(network(x))


def _against_jax(N: int, samples: int) -> Row:
    import jax
    import jax.numpy as jnp

    network = sample_teacher("erf", N, N, seed=0)
    theirs = jax.jit(jax.hessian(_jax_loss(network)))
    theta = jnp.asarray(network.parameters)
    count = max(1, samples // TOGETHER)
    parts = [jnp.split(values, count) for values in _jax_samples(network, samples)]

    def sampled() -> Any:
        hessians = [np.asarray(theirs(theta, *part)) for part in zip(*parts, strict=True)]
        return np.linalg.eigvalsh(np.mean(hessians, axis=0))

    found = sampled()
    taken = _turns(lambda: spectrum(network), sampled)
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


def _against_matfree(N: int, samples: int) -> Row:
    import jax
    import jax.numpy as jnp
    from matfree import decomp

    network = sample_teacher("erf", N, N, seed=0)
    loss, data = _jax_loss(network), _jax_samples(network, samples)
    theta = jnp.asarray(network.parameters)

    def product(v: Any) -> Any:
        return jax.jvp(jax.grad(lambda theta: loss(theta, *data)), (theta,), (v,))[1]

    tridiagonal = jax.jit(lambda start: decomp.tridiag_sym(STEPS)(product, start).J_small)
    start = jnp.asarray(np.random.default_rng(1).standard_normal(network.P))
    return _largest(
        network,
        f"matfree's Lanczos, {STEPS} products on {samples} samples",
        lambda: float(np.linalg.eigvalsh(np.asarray(tridiagonal(start)))[-1]),
    )


def _against_pyhessian(N: int, samples: int) -> Row:
    import torch
    from pyhessian import hessian

    network = sample_teacher("erf", N, N, seed=0)
    model = _torch_model(network).double()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((samples, N)))
    y = model(x).detach()

    def theirs() -> float:
        # MSELoss is mean((y - y*)²): its Hessian is 2 H.
        found = hessian(model, torch.nn.MSELoss(), data=(x, y), cuda=False)
        return float(found.eigenvalues(top_n=1)[0][0]) / 2

    return _largest(network, f"PyHessian's power iteration on {samples} samples", theirs)


def _largest(network: Network, other: str, theirs: Callable[[], float]) -> Row:
    """Compare the largest eigenvalue, by one Lanczos run of ours too, to 1e-8 of itself."""

    def ours() -> float:
        return float(converged_eigenvalues(network, 1, steps=STEPS).largest[0])

    exact = ours()
    taken = turns({"ours": ours, "theirs": theirs}, repeats=4)
    return Row(
        f"erf ({network.N_i}, {network.N_h}), largest eigenvalue",
        taken["ours"],
        other,
        taken["theirs"],
        notes={"its relative error": abs(theirs() / exact - 1)},
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
