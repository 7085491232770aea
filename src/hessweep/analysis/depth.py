"""Ranks and spectra of networks of several depths, summed up over their teachers."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hessweep.activations import activation, activation_of_package
from hessweep.analysis.realisations import one_a_teacher, realisations
from hessweep.errors import InputError
from hessweep.store import each_of, table
from hessweep.widths import read_widths

LARGE = 0.01
"""Eigenvalues above this part of the largest count as large."""

ARCHITECTURE = ["activation", "widths", "biases"]

ANY_DEPTH = "depth >= 2 and N_o >= 1 and widths != 'none' and biases != 'any'"
"""A condition that names the axes of depth, so that they do not have their defaults."""


def depth_ranks(results: xr.DataTree) -> pd.DataFrame:
    """Return the ranks of all architectures beside what plain counting gives.

    Returns:
        One row for each `activation, widths, biases`: `P`; `teachers`; `plain`, the smaller of
        the parameters without rescalings and of the dimension of the polynomials; `formula`, the
        rank for generic weights or an upper bound on it; `rank_min` and `rank_max`; `proved`, the
        number of teachers whose rank is proved; `too_many`, by how much `plain` is above the
        largest rank.
    """
    points = table(results)
    done = one_a_teacher(points[points["status"] == "done"])
    done = done.assign(widths=[_text(row) for row in done.to_dict("records")])
    done = done.assign(proved=done["rank_certificate"] == "proved")
    ranks = (
        done.groupby(ARCHITECTURE, sort=False)
        .agg(
            P=("P", "first"),
            teachers=("key", "size"),
            formula=("effective_parameters", "first"),
            rank_min=("rank", "min"),
            rank_max=("rank", "max"),
            proved=("proved", "sum"),
            spec=("activation_spec", "first"),
        )
        .reset_index()
    )
    plain = [_plain(row) for row in ranks.to_dict("records")]
    ranks.insert(5, "plain", plain)
    return ranks.drop(columns="spec").assign(too_many=ranks["plain"] - ranks["rank_max"])


def _text(row: Mapping[Any, Any]) -> str:
    """Return the widths of a point, those of two layers too."""
    return str(row["widths"] or "{N_i}-{N_h}-{N_o}".format(**row))


def _plain(row: Mapping[Any, Any]) -> int:
    """Return the plain count of an architecture."""
    from hessweep.networks import biased_layers
    from hessweep.rank.formulas_deep import plain_count

    sizes = tuple(map(int, str(row["widths"]).split("-")))
    biased = biased_layers(str(row["biases"]), len(sizes) - 1)
    # An activation of a user's own file counts as any function.
    function = activation_of_package(json.loads(str(row["spec"]))) or activation("tanh")
    return plain_count((function,) * (len(sizes) - 2), sizes, biased)


def depth_spectra(results: xr.DataTree) -> pd.DataFrame:
    """Return the ends of the spectra of networks without biases against their depth.

    Returns:
        One row for each `activation, width, depth`: `P`; `teachers`; the medians of `lambda_max`,
        `lambda_min` and `large`, the number of eigenvalues above `LARGE` times the largest;
        `unresolved`, the number of teachers whose smallest eigenvalue rounding hides: then
        `lambda_min` is NaN, since leaving them out would favour large values; and of the sampled
        ones `first_share` and `output_share`, how much of the eigenvector of the largest
        eigenvalue lies in the first and in the last layer, the mean over the teachers.

    Raises:
        InputError: If there are no networks whose hidden layers all have one width.
    """
    points = _square(results)
    rows = []
    for (name, width, depth), group in points.groupby(["activation", "width", "depth"], sort=True):
        resolved = group.loc[group["lambda_min"] > 0, "lambda_min"]
        large = [int((e > LARGE * e[-1]).sum()) for e in group["eigenvalues"]]
        shares = [found[0] for found in group["shares"] if len(found)]
        first, *_, last = np.mean(shares, axis=0) if shares else (np.nan, np.nan)
        rows.append(
            {
                "activation": name,
                "width": width,
                "depth": depth,
                "P": int(group["P"].iloc[0]),
                "teachers": len(group),
                "lambda_max": group["lambda_max"].median(),
                "lambda_min": resolved.median() if len(resolved) == len(group) else np.nan,
                "unresolved": len(group) - len(resolved),
                "large": float(np.median(large)),
                "first_share": float(first),
                "output_share": float(last),
            }
        )
    return pd.DataFrame(rows)


def shares_by_layer(results: xr.DataTree) -> pd.DataFrame:
    """Return the mean shares of the layers in the eigenvectors of the largest eigenvalues.

    Returns:
        One row for each `activation, width, depth, place, layer`: `share`, the mean over the
        `teachers`; `place` is 1 for the largest eigenvalue, and `layer` counts from 1.

    Raises:
        InputError: If there are no sampled networks whose hidden layers all have one width.
    """
    rows = []
    for (name, width, depth), group in _square(results).groupby(
        ["activation", "width", "depth"], sort=True
    ):
        found = [shares for shares in group["shares"] if len(shares)]
        if not found:
            continue
        fewest = min(map(len, found))
        mean = np.mean([shares[:fewest] for shares in found], axis=0)
        rows += [
            {
                "activation": name,
                "width": width,
                "depth": depth,
                "teachers": len(found),
                "place": place + 1,
                "layer": layer + 1,
                "share": float(mean[place, layer]),
            }
            for place, layer in np.ndindex(mean.shape)
        ]
    if not rows:
        raise InputError("results: expected points of kind sampled, which store shares by layer")
    return pd.DataFrame(rows)


def usual_width(rows: pd.DataFrame) -> int:
    """Return the width of which there are most teachers."""
    teachers = rows.groupby("width")["teachers"].sum()
    return int(teachers.index[int(teachers.to_numpy().argmax())])


def _square(results: xr.DataTree) -> pd.DataFrame:
    """Return the realisations of networks of one width, with their shares `(place, layer)`."""
    points = realisations(results, ANY_DEPTH)
    points = points[(points["biases"] == "none") & (points["N_o"] == 1)]
    sizes = [
        read_widths(row["widths"]) if row["widths"] else (row["N_i"], row["N_h"], row["N_o"])
        for row in points.to_dict("records")
    ]
    points = points.assign(width=[size[0] for size in sizes])
    one = [set(size[:-1]) == {size[0]} for size in sizes]
    if not any(one):
        raise InputError(
            "results: expected networks without biases whose inputs and hidden layers all have "
            "one width, such as widths [4, 4, 4, 1]; found none"
        )
    everything = table(results, columns=["key", "depth"])
    flat = dict(zip(everything["key"], each_of(results, "layer_shares"), strict=True))
    points = points[one].reset_index(drop=True)
    shares = [
        flat[key].reshape(-1, depth)
        for key, depth in zip(points["key"], points["depth"], strict=True)
    ]
    return points.assign(shares=pd.Series(shares, points.index, dtype=object))
