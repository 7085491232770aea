"""Hessian spectra and proved ranks of two-layer teacher-student networks at the optimum.

Everything here is imported when it is first used, so that `import hessweep` and the command's
`--help` are instant.
"""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep import dynamics, errors, ground_truth, laws, plot
    from hessweep.activations import activation
    from hessweep.analysis import non_zero, training_runs
    from hessweep.density import extreme_eigenvalues, spectral_density
    from hessweep.hessian import hessian, hessian_operator
    from hessweep.networks import (
        DeepNetwork,
        Inputs,
        Network,
        sample_deep_teacher,
        sample_teacher,
        widen,
    )
    from hessweep.outputs import load_study
    from hessweep.rank import effective_parameters, formula, rank
    from hessweep.rank.enclosure import lambda_min
    from hessweep.rank.learning import learning_coefficient
    from hessweep.spectrum import spectrum
    from hessweep.store import open_results, pooled_eigenvalues, spectra, table
    from hessweep.version import __version__
    from hessweep.watching import watch

_HOMES = {
    "__version__": "version",
    "DeepNetwork": "networks",
    "Inputs": "networks",
    "Network": "networks",
    "activation": "activations",
    "effective_parameters": "rank",
    "extreme_eigenvalues": "density",
    "formula": "rank",
    "hessian": "hessian",
    "hessian_operator": "hessian",
    "lambda_min": "rank.enclosure",
    "learning_coefficient": "rank.learning",
    "load_study": "outputs",
    "non_zero": "analysis",
    "open_results": "store",
    "pooled_eigenvalues": "store",
    "rank": "rank",
    "sample_deep_teacher": "networks",
    "sample_teacher": "networks",
    "spectra": "store",
    "spectral_density": "density",
    "spectrum": "spectrum",
    "table": "store",
    "training_runs": "analysis",
    "watch": "watching",
    "widen": "networks",
}
"""Public function or class -> the module that holds it."""

_MODULES = ("dynamics", "errors", "ground_truth", "laws", "plot")

__all__ = [
    "__version__",
    "DeepNetwork",
    "Inputs",
    "Network",
    "activation",
    "dynamics",
    "effective_parameters",
    "errors",
    "extreme_eigenvalues",
    "formula",
    "ground_truth",
    "hessian",
    "hessian_operator",
    "lambda_min",
    "laws",
    "learning_coefficient",
    "load_study",
    "non_zero",
    "open_results",
    "plot",
    "pooled_eigenvalues",
    "rank",
    "sample_deep_teacher",
    "sample_teacher",
    "spectra",
    "spectral_density",
    "spectrum",
    "table",
    "training_runs",
    "watch",
    "widen",
]

import_when_used(__name__, _HOMES, _MODULES)
