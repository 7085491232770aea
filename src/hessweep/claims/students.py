"""Claims on students wider than their teacher and on ranks along training (sec. 6)."""

import numpy as np
import xarray as xr

from hessweep import analysis
from hessweep.claims.claim import Claim, corrected, verdict
from hessweep.kinds.training_options import Training

EXPONENTIAL = 2.0
"""Factor by which a late rate may differ from 2 λ_min where the decay is exponential: the student
settles at another optimum nearby, whose λ_min differs."""

POWER = 0.1
"""Share of 2 λ_min above which a late rate is not that of a power law."""

MORSE_BOTT = ("teacher", "zero_output=1")
DEGENERATE = ("split=1",)


def wide_ranks(results: xr.DataTree) -> Claim:
    """Sec. 6: the number of effective parameters of over-parameterised students."""
    found = analysis.student_table(results)
    wide = found[(found["student"] != "teacher") & (found["kind"] == "exact")]
    points, proved, differ = (int(wide[name].sum()) for name in ("points", "proved", "differ"))
    return Claim(
        "sec. 6",
        "students wider than their teacher have a number of effective parameters that follows "
        "from the kind of their extra neurons (docs/students.md, sec. 2)",
        f"{proved} of {points} ranks proved, {differ} of them unlike the formula, for "
        f"{len(wide)} kinds of students",
        points,
        "every proved rank is that of the formula, and at least one is proved for each kind",
        verdict(bool(len(wide)) and differ == 0 and bool((wide["proved"] > 0).all())),
    )


def late_decay(results: xr.DataTree) -> Claim:
    """Sec. 2.1 for wide students: the loss decays as `exp(-2 λ_min t)`."""
    found = analysis.late_rates(results)
    known = found["student"].isin((*MORSE_BOTT, *DEGENERATE))
    found = found[known]
    split = found["student"].isin(DEGENERATE)
    exponential, power = found[~split], found[split]
    ratios, shares = exponential["ratio"], power["ratio"]
    right = ratios.between(1 / EXPONENTIAL, EXPONENTIAL).mean() if len(ratios) else 0.0
    holds = bool(len(power)) and right > 0.8 and bool((shares < POWER).all())
    return Claim(
        "sec. 2.1, sec. 6",
        "at late times the loss decays as α exp(-2 λ_min t); right for the teacher's size and for "
        "neurons without output weight, wrong where a neuron of the teacher is split: there the "
        "loss falls far more slowly, in most runs as a power of t",
        f"late rate over 2 λ_min: median {ratios.median():.2f} in {len(ratios)} runs that are "
        f"exponential, {right:.0%} of them within a factor {EXPONENTIAL:g}; at most "
        f"{shares.max():.2g} in {len(shares)} runs at split optima, where the median of d log L / "
        f"d log t is {power['exponent'].median():.1f}",
        len(found),
        f"more than 80 % of the first within a factor {EXPONENTIAL:g} of 1, all of the second "
        f"below {POWER:g}",
        corrected(holds),
    )


def visible_ranks(results: xr.DataTree) -> Claim:
    """Sec. 6: the rank of the Hessian along training."""
    runs = [
        run
        for run in analysis.training_runs(results, "student == 'teacher'")
        if Training.from_text(run.attrs["training"]).noise is None and run.sizes["mode"]
    ]
    largest = {
        (row["activation"], row["N_i"], row["N_h"]): row["formula"]
        for row in analysis.student_table(results).to_dict("records")
        if row["student"] == "teacher" and row["kind"] == "exact"
    }
    above, first, last, converged = 0, [], [], 0
    for run in runs:
        rank = largest.get(tuple(run.attrs[name] for name in ("activation", "N_i", "N_h")))
        if rank is None:
            continue
        visible = run["visible_rank"].values
        above += int((visible > rank).sum())
        first.append(visible[0] / rank)
        last.append(visible[-1] / rank)
        converged += run.attrs["ended"] == "converged"
    grown = bool(first) and float(np.mean(last)) > float(np.mean(first))
    return Claim(
        "sec. 6",
        "along training the exact rank is P until the loss is 0; the number of eigenvalues above "
        "the functional part grows to the rank at the optimum, and never exceeds it",
        f"visible rank over the rank at an optimum: on average {np.mean(first or [np.nan]):.2f} "
        f"at the start and {np.mean(last or [np.nan]):.2f} at the end of {len(first)} runs, of "
        f"which {converged} converged; {above} records above 1",
        len(first),
        "no record above 1, and the mean at the end above that at the start",
        verdict(grown and above == 0),
    )


CLAIMS = (wide_ranks, late_decay, visible_ranks)
