"""The networks of the reference set, and what is computed of each.

`python -c "from hessweep.ground_truth.networks import write; write()"` writes `reference.json` and
`reference.npz` anew.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher, widen
from hessweep.rank import float64, rank
from hessweep.rank.enclosure import lambda_min
from hessweep.rank.learning import learning_coefficient
from hessweep.spectrum import spectrum_with_error

FOLDER = Path(str(files("hessweep.ground_truth")))
ARRAYS = ("W1", "W2", "b1", "b2")


def networks() -> dict[str, tuple[Network, str]]:
    """Return the networks by name, each with a sentence on why it is there."""
    erf = sample_teacher("erf", 3, 4, seed=0)
    return {
        "linear": (sample_teacher("linear", 4, 6, seed=0), "Rank N_i of 30 parameters."),
        "quadratic": (
            sample_teacher("quadratic", 6, 4, seed=0),
            "More inputs than neurons: the symmetry of the quadratic terms takes rank away.",
        ),
        "cubic": (
            sample_teacher("cubic", 3, 8, seed=0),
            "More parameters than polynomials of degree 3 without a constant.",
        ),
        "cubic-edge": (
            sample_teacher("cubic", 4, 7, seed=0),
            "Nearly as many parameters as polynomials: the smallest eigenvalues are small.",
        ),
        "erf-wide": (
            sample_teacher("erf", 1, 12, seed=0),
            "Full rank, with eigenvalues far below what float64 resolves.",
        ),
        "erf": (erf, "Full rank, well conditioned."),
        "erf-split": (
            widen(erf, split=2, seed=1),
            "A student with copies of two neurons: the rank is that of its teacher.",
        ),
        "erf-idle": (
            widen(erf, zero_output=2, seed=1),
            "A student with two neurons that are not read out: each adds 1 to the rank.",
        ),
        "relu": (
            sample_teacher("relu", 3, 5, seed=0),
            "Each neuron can be rescaled: N_h less than the number of parameters.",
        ),
        "gelu": (sample_teacher("gelu", 2, 6, seed=0), "Full rank, with a wide spectrum."),
        "sin": (sample_teacher("sin", 3, 5, seed=0), "Full rank, bounded activation."),
        "cubic-biases": (
            sample_teacher("cubic", 4, 6, seed=0, biases="both"),
            "Biases add 4 to the rank of 30.",
        ),
        "erf-outputs": (
            sample_teacher("erf", 3, 4, seed=0, N_o=2),
            "Two outputs, full rank.",
        ),
    }


def entry(name: str, network: Network, why: str) -> dict[str, Any]:
    """Return what is known of a network, as plain data."""
    spectrum, proof, smallest = spectrum_with_error(network), rank(network), lambda_min(network)
    coefficient = learning_coefficient(network) if network.is_plain else None
    return {
        "name": name,
        "why": why,
        "activation": network.activation.spec,
        "P": network.P,
        "rank": proof.value,
        "rank_certificate": proof.certificate,
        "trace": float(np.trace(hessian(network))),
        "eigenvalue_error": float64.proved_error(spectrum, network.N_i, network.N_h),
        "lambda_min": [smallest.lower, smallest.upper],
        "learning_coefficient": None
        if coefficient is None
        else [coefficient.lower, coefficient.upper],
    }


def write(folder: Path = FOLDER) -> None:
    """Write both files."""
    entries, arrays = [], {}
    for name, (network, why) in networks().items():
        entries.append(entry(name, network, why))
        arrays[f"{name}/eigenvalues"] = spectrum_with_error(network).eigenvalues
        for key in ARRAYS:
            if (values := getattr(network, key)) is not None:
                arrays[f"{name}/{key}"] = values
    text = json.dumps({"format": 1, "networks": entries}, indent=1)
    (folder / "reference.json").write_text(text + "\n", encoding="utf-8")
    np.savez_compressed(folder / "reference.npz", **arrays)  # type: ignore[arg-type]
