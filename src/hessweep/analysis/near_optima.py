"""Runs of SGD and of gradient flow that start near the same optimum, and its spectrum."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep.analysis.realisations import realisations
from hessweep.analysis.runs import training_of, training_runs
from hessweep.errors import InputError
from hessweep.kinds.training_options import Training
from hessweep.setup import TEACHER


@dataclass(frozen=True, eq=False)
class NearOptimum:
    """Losses of students that were trained from near one optimum."""

    activation: str
    N_i: int
    N_h: int
    seed: int
    training: Training
    """Of SGD: noise, learning rate and batch."""
    times: Float[ndarray, " T"]
    sgd: Float[ndarray, "draws T"]
    flow: Float[ndarray, "draws T"]
    eigenvalues: Float[ndarray, " n"]
    """The non-zero eigenvalues of H at the optimum, ascending."""


def runs_near_optima(results: xr.DataTree, where: str | None = None) -> list[NearOptimum]:
    """Return the runs that start near an optimum, optimum by optimum.

    Args:
        results: From `open_results` or `results_of`.
        where: A condition on the columns of the point table.

    Raises:
        InputError: If an optimum lacks runs of SGD or of gradient flow, or its spectrum; or if
            its runs have not recorded the same evenly spaced times.
    """
    rows: list[dict[str, Any]] = []
    for run in training_runs(results, where):
        training = training_of(run)
        if training.noise is not None and training.spacing == "even":
            teacher = {name: run.attrs[name] for name in (*TEACHER, "seed")}
            rows.append({**teacher, "training": training, "run": run})
    if not rows:
        raise InputError(
            "results: expected runs from near the optimum at evenly spaced times, found none; "
            "add a sweep with kind: training, start: {noise: 0.01} and spacing: even"
        )
    return list(_grouped(results, pd.DataFrame(rows)))


def _grouped(results: xr.DataTree, rows: pd.DataFrame) -> Iterator[NearOptimum]:
    for _, runs in rows.groupby([*TEACHER, "seed"], sort=False):
        named: dict[Any, Any] = runs[[*TEACHER, "seed"]].to_dict("records")[0]
        condition = " and ".join(f"{name} == {value!r}" for name, value in named.items())
        optimum = realisations(results, condition).iloc[0]
        methods = {
            method: [run for run, one in zip(runs["run"], runs["training"], strict=True)
                     if one.method == method]
            for method in ("sgd", "flow")
        }  # fmt: skip
        for method, found in methods.items():
            if len(found) < 2:
                raise InputError(
                    f"results: expected at least 2 draws of method: {method} with {condition}, "
                    f"got {len(found)}"
                )
        times = methods["sgd"][0]["time"].values
        if any(
            len(run["time"]) != len(times) or not np.allclose(run["time"], times)
            for found in methods.values()
            for run in found
        ):
            raise InputError(
                f"results: expected runs at the same times with {condition}; give them the same "
                "times, and limits of the loss and the gradient that they do not reach"
            )
        sgd, flow = (
            np.array([run["loss"].values for run in methods[method]]) for method in ("sgd", "flow")
        )
        yield NearOptimum(
            activation=named["activation"],
            N_i=named["N_i"],
            N_h=named["N_h"],
            seed=named["seed"],
            training=next(one for one in runs["training"] if one.method == "sgd"),
            times=times,
            sgd=sgd,
            flow=flow,
            eigenvalues=optimum["eigenvalues"][
                optimum["eigenvalues"] > optimum["eigenvalue_error"]
            ],
        )
