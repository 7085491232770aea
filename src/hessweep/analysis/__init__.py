"""Numbers that tables, figures and claims share, one file for each subject.

`realisations` selects computed points; the other files measure their eigenvalues.
"""

from hessweep.analysis.distances import ks_noise
from hessweep.analysis.eigenvalues import block_spectra, non_zero
from hessweep.analysis.fits import Fit, PowerLaw, by_size, fit, power_law
from hessweep.analysis.histograms import histogram, log_histogram
from hessweep.analysis.increments import increments
from hessweep.analysis.near_optima import NearOptimum, runs_near_optima
from hessweep.analysis.predictions import (
    activation_of,
    law_curve,
    law_of,
    law_of_teacher,
    pooled_distance,
    teacher_of,
)
from hessweep.analysis.realisations import (
    linear_networks,
    one_a_teacher,
    realisations,
    results_of,
)
from hessweep.analysis.runs import mean_on_grid, training_of, training_runs
from hessweep.analysis.students import endings_table, late_rates, student_table
from hessweep.spectrum.gaps import Gap, largest_gap

__all__ = [
    "Fit",
    "NearOptimum",
    "Gap",
    "PowerLaw",
    "activation_of",
    "block_spectra",
    "by_size",
    "fit",
    "histogram",
    "increments",
    "ks_noise",
    "largest_gap",
    "law_curve",
    "law_of",
    "law_of_teacher",
    "linear_networks",
    "log_histogram",
    "mean_on_grid",
    "non_zero",
    "one_a_teacher",
    "pooled_distance",
    "power_law",
    "realisations",
    "results_of",
    "runs_near_optima",
    "teacher_of",
    "training_of",
    "training_runs",
    "endings_table",
    "late_rates",
    "student_table",
]
