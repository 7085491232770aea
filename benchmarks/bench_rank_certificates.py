"""What does a certificate cost over P, and what limits it, against the float64 spectrum?"""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

from measure import Row

from hessweep.activations import activation
from hessweep.networks import Network, sample_teacher
from hessweep.rank import formula, modular
from hessweep.rank.minor import has_minor
from hessweep.rank.smallest import enclosed_smallest_eigenvalue
from hessweep.rank.structure import bounds
from hessweep.spectrum import spectrum_with_error

CUBIC = [(4, 7), (6, 14), (8, 24), (10, 36), (12, 60), (16, 64)]
GAPPED = [(4, 7), (5, 14), (6, 18)]
ERF = [(1, 12), (2, 16), (2, 30), (3, 40), (5, 40), (20, 20), (33, 30)]
SMALLEST = [(1, 12), (2, 30), (3, 40), (5, 40), (6, 50)]


def rows(quick: bool) -> Iterator[Row]:
    """Yield modular ranks, exact ranks, minors and enclosed eigenvalues, each engine by itself."""
    few = slice(2 if quick else None)
    for size in CUBIC[few]:
        yield modular_row(sample_teacher("cubic", *size, 0))
    for size in GAPPED[few]:
        g = activation("polynomial", coefficients=[0, 0, 1, 0, 1])
        network = sample_teacher(g, *size, 0)
        yield row("rational", network, partial(modular.rational_rank, network))
    for size in ERF[few]:
        network = sample_teacher("erf", *size, 0)
        assert has_minor(network, network.P)
        yield row("minor", network, partial(has_minor, network, network.P))
    for size in SMALLEST[few]:
        yield smallest_row(sample_teacher("erf", *size, 0))


def modular_row(network: Network) -> Row:
    upper = bounds(network).upper
    known = formula(network.activation, network.N_i, network.N_h)
    assert modular.modular_rank(network, upper) == known.value
    assembly = min(seconds(partial(modular.gradient_residues, network, upper)) for _ in range(2))
    notes = {"rank": upper, "of which assembly": f"{1e3 * assembly:.2g} ms"}
    return row("modular", network, partial(modular.modular_rank, network, upper), notes)


def smallest_row(network: Network) -> Row:
    found = enclosed_smallest_eigenvalue(network, network.P)
    assert found is not None
    notes = {"lambda_min": f"{found.value:.1e}", "error": f"{found.relative_error:.0e}"}
    run = partial(enclosed_smallest_eigenvalue, network, network.P)
    return row("smallest eigenvalue in balls", network, run, notes)


def row(
    engine: str, network: Network, run: Callable[[], Any], notes: dict[str, Any] | None = None
) -> Row:
    """Return one certificate beside the spectrum of the same network, the better of two turns."""
    kernel = partial(spectrum_with_error, network)
    own, other = zip(*((seconds(run), seconds(kernel)) for _ in range(2)), strict=True)
    name = f"{engine}: {network.activation} ({network.N_i}, {network.N_h}), P = {network.P}"
    return Row(name, min(own), "spectrum in float64", min(other), notes=notes or {})


def seconds(run: Callable[[], Any]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start
