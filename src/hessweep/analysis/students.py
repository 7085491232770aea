"""Optima of wide students beside those of their teachers, and how students that learn end."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hessweep.analysis.runs import training_of, training_runs
from hessweep.kinds import FULL_SPECTRUM
from hessweep.setup import KIND
from hessweep.store import table

SMALL_LOSS = 1e-8
"""The loss whose time is compared between students."""

SETUP = ["activation", "N_i", "N_h", "student"]
LATE_RECORDS = 4
"""Number of records before the end between which a late rate is measured, at most a third."""


def student_table(results: xr.DataTree) -> pd.DataFrame:
    """Return how the optima of wide students differ from those of their teachers.

    Returns:
        One row for each `activation, N_i, N_h, student`: `P`, the number of `points`, the
        `formula` of the rank and its `kind`, `rank_min` and `rank_max`, the number of ranks that
        are `proved`, and of those that `differ` from an exact formula; the geometric means of
        `trace` and `lambda_max` over those of the same teacher (`trace_ratio`,
        `lambda_max_ratio`); `flattest`, the number of points at which the trace is the smallest
        of all wide students of that teacher; the smallest and largest bound on the learning
        coefficient, `learning_lower` and `learning_upper`.
    """
    points = table(results)
    done = points[(points["status"] == "done") & points[KIND].isin(FULL_SPECTRUM)].copy()
    of_teacher = ["activation", "N_i", "N_h", "seed"]
    teachers = done[done["student"] == "teacher"].set_index(of_teacher)
    own = pd.MultiIndex.from_frame(done[of_teacher])
    for name in ("trace", "lambda_max"):
        known = teachers[name].reindex(own).to_numpy()
        done[f"{name}_ratio"] = np.log(done[name].to_numpy() / known)
    wide = done["student"] != "teacher"
    least = done[wide].groupby(of_teacher)["trace"].transform("min")
    done["flattest"] = False
    done.loc[wide, "flattest"] = done.loc[wide, "trace"] == least
    proved = done["rank_certificate"] == "proved"
    exact = done["effective_parameters_kind"] == "exact"
    done["proved"] = proved
    done["differ"] = exact & proved & (done["rank"] != done["effective_parameters"])
    found = (
        done.groupby(SETUP, sort=False)
        .agg(
            P=("P", "first"),
            points=("key", "size"),
            formula=("effective_parameters", "first"),
            kind=("effective_parameters_kind", "first"),
            rank_min=("rank", "min"),
            rank_max=("rank", "max"),
            proved=("proved", "sum"),
            differ=("differ", "sum"),
            trace_ratio=("trace_ratio", "mean"),
            lambda_max_ratio=("lambda_max_ratio", "mean"),
            flattest=("flattest", "sum"),
            learning_lower=("learning_lower", "min"),
            learning_upper=("learning_upper", "max"),
        )
        .reset_index()
    )
    ratios = ["trace_ratio", "lambda_max_ratio"]
    found[ratios] = np.exp(found[ratios])
    return found


def endings_table(results: xr.DataTree) -> pd.DataFrame:
    """Return how the runs from random weights ended, one row for each setup.

    Returns:
        `activation, N_i, N_h, student`, the number of `runs`; how many of them `converged`, ended
        in an `other_minimum` or at a `saddle`, or were `still_falling`; how many had a loss below
        `SMALL_LOSS`, `small`, and their median time until then, `time_to_small`; the median of the
        largest eigenvalue and of the trace of H at the end of these runs.
    """
    rows = []
    for run in _random_runs(results):
        small = np.flatnonzero(run["loss"].values <= SMALL_LOSS * (1 + 1e-3))
        modes = run["mode_eigenvalues"].values[-1] if run.sizes["mode"] else np.array([np.nan])
        rows.append(
            {name: run.attrs[name] for name in (*SETUP, "ended")}
            | {
                "small": len(small) > 0,
                "time": run["time"].values[small[0]] if len(small) else np.nan,
                "lambda_max": modes[-1] if len(small) else np.nan,
                "trace": modes.sum() if len(small) else np.nan,
            }
        )
    found = pd.DataFrame(rows, columns=[*SETUP, "ended", "small", "time", "lambda_max", "trace"])
    endings = ("converged", "other minimum", "saddle", "still falling")
    for ending in endings:
        found[ending.replace(" ", "_")] = found["ended"] == ending
    counts: dict[str, Any] = {
        name.replace(" ", "_"): (name.replace(" ", "_"), "sum") for name in endings
    }
    return (
        found.groupby(SETUP, sort=False)
        .agg(
            runs=("ended", "size"),
            **counts,
            small=("small", "sum"),
            time_to_small=("time", "median"),
            lambda_max=("lambda_max", "median"),
            trace=("trace", "median"),
        )
        .reset_index()
    )


def _random_runs(results: xr.DataTree) -> list[xr.Dataset]:
    runs = training_runs(results)
    return [run for run in runs if training_of(run).noise is None]


def late_rates(results: xr.DataTree) -> pd.DataFrame:
    """Return how fast the loss falls at the end of runs of the flow from near an optimum.

    Returns:
        One row for each run: `SETUP`, `seed`, the `rank` and `lambda_min` of the optimum from
        which its noise started, the last `time` and `loss`, the late rate `-d log L / dt` divided
        by `2 λ_min` (`ratio`), and the late `exponent` `d log L / d log t`.
    """
    points = table(results)
    spectra = points[(points["status"] == "done") & points[KIND].isin(FULL_SPECTRUM)]
    optima = spectra.set_index([*SETUP, "seed"])
    rows = []
    for run in training_runs(results):
        training = training_of(run)
        of = tuple(run.attrs[name] for name in (*SETUP, "seed"))
        if training.noise is None or training.method != "flow" or of not in optima.index:
            continue
        time, loss = run["time"].values, run["loss"].values
        early = max(len(time) - 1 - LATE_RECORDS, 2 * len(time) // 3)
        fallen = np.log(loss[early] / loss[-1])
        optimum = optima.loc[of]
        rows.append(
            dict(zip((*SETUP, "seed"), of, strict=True))
            | {
                "rank": int(optimum["rank"]),
                "lambda_min": float(optimum["lambda_min"]),
                "time": time[-1],
                "loss": loss[-1],
                "ratio": fallen / (time[-1] - time[early]) / (2 * float(optimum["lambda_min"])),
                "exponent": -fallen / np.log(time[-1] / time[early]),
            }
        )
    return pd.DataFrame(rows)
