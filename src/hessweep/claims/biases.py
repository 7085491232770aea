"""The claim on biases (sec. 6): the paper expects "the same results incremented by one"."""

import xarray as xr

from hessweep import analysis
from hessweep.claims.claim import Claim, corrected

TRAINED = ("output", "hidden", "both")
"""The biases that are compared with none."""


def add_one(results: xr.DataTree) -> Claim:
    """Sec. 6: biases increment the results by one."""
    one, other, teachers, right, parts = [], [], 0, True, []
    for biases in TRAINED:
        found = analysis.increments(results, biases)
        teachers += len(found)
        # An upper bound of the formula may be above the rank, never below it.
        exact = found["kind"] == "exact"
        agrees = (found["rank"] == found["formula"]) | (
            ~exact & (found["rank"] < found["formula"])
        )
        right &= bool((found["proved"] & agrees).all())
        for activation, rows in found.groupby("activation", sort=False):
            share = int((rows["increment"] == 1).sum())
            name = f"{activation} ({biases})"
            if share == len(rows):
                one.append(name)
            else:
                span = f"{rows['increment'].min()} to {rows['increment'].max()}"
                other.append(name)
                parts.append(f"{name} +1 for {share} of {len(rows)} teachers, +{span} in all")
    holds = f"+1 for every teacher of {', '.join(one)}" if one else "+1 throughout for none"
    return Claim(
        "sec. 6",
        "biases add one; right for linear, x + εx² and an output bias alone (for g without a "
        "constant term), and once the rank is saturated; wrong for hidden biases of pure squares, "
        "of degree 3 and more below saturation, and of other activations, which mostly add one a "
        "neuron (docs/biases.md, sec. 4)",
        "; ".join([holds, *parts]),
        teachers,
        "every rank is proved, and equals the formula of docs/biases.md where that is exact",
        corrected(right and bool(other)),
    )


CLAIMS = (add_one,)
