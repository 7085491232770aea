"""How a student is trained: what a study says of it, and the text that identifies it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from hessweep.errors import InputError, did_you_mean

LEAST_LOSS = 1e-14
"""Losses below this are lost in the rounding errors of sums over neurons, unless a run ends at the
weights from which its noise started."""

LEAST_LOSS_NEAR = 5e-15
"""The same for runs that start near an optimum, by the noise: their loss is an integral from
there, whose error is smaller the nearer it is."""

METHODS = ("flow", "sgd")
SPACINGS = ("log", "even")

_OF_SGD = ("learning_rate", "batch")


@dataclass(frozen=True)
class Training:
    """How a student is trained. Together with the network it identifies a run.

    Raises:
        InputError: If a value is out of its range, or values do not go together.
    """

    noise: float | None = None
    """Standard deviation of each weight around the optimum at the start; None for random weights
    that are independent of the teacher."""
    method: Literal["flow", "sgd"] = "flow"
    """Gradient flow of the population loss, or SGD with fresh inputs at each step."""
    learning_rate: float | None = None
    """Of SGD; time is the number of steps times this."""
    batch: int | None = None
    """Number of fresh inputs of each step of SGD."""
    loss: float = 1e-12
    """The run stops once the loss is below this."""
    gradient: float = 1e-12
    """The run stops once the norm of the gradient of the population loss is below this."""
    time: float = 1e4
    """The run stops here at the latest."""
    times: int = 60
    """Number of recorded times after 0."""
    first: float = 0.01
    """The first recorded time after 0, where they are evenly spaced in their logarithm."""
    spacing: Literal["log", "even"] = "log"
    """Whether the recorded times are evenly spaced in their logarithm, or evenly."""
    losses: tuple[float, ...] = ()
    """The times at which the loss falls to these are recorded as well."""
    spectra: bool = True
    """Whether the Hessian is measured at each recorded time, or the loss and the gradient only."""
    draw: int = 0
    """Number of the random start, and of the batches, of one network."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        noise = None if self.noise is None else _number("start: noise", self.noise, 0.0)
        least = LEAST_LOSS if noise is None else min(LEAST_LOSS, LEAST_LOSS_NEAR * noise)
        for name, above in (("loss", least), ("gradient", 0.0), ("first", 0.0), ("time", 0.0)):
            object.__setattr__(self, name, _number(name, getattr(self, name), above))
        object.__setattr__(self, "noise", noise)
        if not isinstance(self.losses, Iterable) or isinstance(self.losses, str):
            raise InputError(f"training: losses: expected a list, got {self.losses!r}")
        losses = tuple(_number("losses", value, least) for value in self.losses)
        object.__setattr__(self, "losses", tuple(sorted(losses, reverse=True)))
        _one_of("method", self.method, METHODS)
        _one_of("spacing", self.spacing, SPACINGS)
        _whole("times", self.times, 1)
        _whole("draw", self.draw, 0)
        if not isinstance(self.spectra, bool):
            raise InputError(f"training: spectra: expected true or false, got {self.spectra!r}")
        if self.spacing == "log" and self.first >= self.time:
            raise InputError(
                f"training: first: expected a time before the last one, {self.time:g}, got "
                f"{self.first:g}"
            )
        self._check_method()

    def _check_method(self) -> None:
        if self.method == "flow":
            for name in _OF_SGD:
                if getattr(self, name) is not None:
                    raise InputError(f"training: {name}: expected with method: sgd only")
            return
        if self.losses:
            raise InputError(
                "training: losses: expected with method: flow only; SGD records `times` alone"
            )
        if self.learning_rate is None:
            raise InputError(
                "training: learning_rate: expected with method: sgd, well below 2 / λ_max"
            )
        rate = _number("learning_rate", self.learning_rate, 0.0)
        object.__setattr__(self, "learning_rate", rate)
        object.__setattr__(self, "batch", 32 if self.batch is None else self.batch)
        _whole("batch", self.batch, 1)
        if self.time < rate:
            raise InputError(
                f"training: stop: time: expected at least one step of {rate:g}, got {self.time:g}"
            )

    @classmethod
    def from_mapping(cls, values: Any) -> "Training":
        """Return the training that a study describes.

        Args:
            values: `start` (`random` or `{noise: 0.01}`), `stop` (a mapping of `loss`,
                `gradient` and `time`), and the other fields of this class by their names.

        Raises:
            InputError: If a name is unknown, or a value is refused.
        """
        known = (
            "start", "method", *_OF_SGD, "stop", "times", "first", "spacing", "losses",
            "spectra", "draw",
        )  # fmt: skip
        given = dict(_mapping("training", values, known))
        start, stop = given.pop("start", "random"), given.pop("stop", {})
        if start != "random":
            start = _mapping("training: start: `random`, or", start, ("noise",))
            if "noise" not in start:
                raise InputError("training: start: expected `random` or {noise: 0.01}, got {}")
            given["noise"] = start["noise"]
            if given["noise"] is None:
                raise InputError("training: start: noise: expected a number, got None")
        given |= _mapping("training: stop", stop, ("loss", "gradient", "time"))
        return cls(**given)

    @classmethod
    def from_text(cls, text: str) -> "Training":
        """Return the training that `text` describes; an empty text means the defaults."""
        return cls.from_mapping(json.loads(text)) if text else cls()

    @property
    def mapping(self) -> dict[str, Any]:
        """What differs from the defaults, as a study says it."""
        batch = {"batch": 32} if self.method == "sgd" else {}
        defaults = {field.name: field.default for field in fields(self)} | batch
        changed = {
            name: getattr(self, name)
            for name, default in defaults.items()
            if getattr(self, name) != default
        }
        stop = {
            name: changed.pop(name) for name in ("loss", "gradient", "time") if name in changed
        }
        start = {"noise": changed.pop("noise")} if "noise" in changed else None
        if "losses" in changed:
            changed["losses"] = list(self.losses)
        return changed | ({"stop": stop} if stop else {}) | ({"start": start} if start else {})

    @property
    def text(self) -> str:
        """`mapping` as JSON, empty for the defaults: equal text, equal training."""
        return json.dumps(self.mapping, sort_keys=True) if self.mapping else ""

    @property
    def recorded(self) -> ndarray:
        """The times that are recorded if the run does not stop before, from 0 on.

        With SGD they are those of whole steps.
        """
        if self.spacing == "even":
            times = np.linspace(0, self.time, self.times + 1)
        else:
            times = np.append(0.0, np.geomspace(self.first, self.time, self.times))
            times[-1] = self.time
        if self.learning_rate is None:
            return times
        return np.unique(np.round(times / self.learning_rate)) * self.learning_rate


def _mapping(what: str, values: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise InputError(f"{what}: expected a mapping of {', '.join(known)}, got {values!r}")
    for name in values:
        if name not in known:
            raise InputError(
                f"{what}: unknown {name!r}{did_you_mean(str(name), known)}; known are "
                f"{', '.join(known)}"
            )
    return values


def _number(name: str, value: Any, above: float) -> float:
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if not number or not (np.isfinite(value) and value > above):
        hint = "; YAML takes 1.0e-12 for a number, but 1e-12 for a text"
        raise InputError(
            f"training: {name}: expected a number above {above:g}, got {value!r}"
            f"{hint if isinstance(value, str) else ''}"
        )
    return float(value)


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"training: {name}: expected a whole number of at least {least}, got {value!r}"
        )


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"training: {name}: expected {' or '.join(known)}, got {value!r}")
