"""What a study may write for the law of the inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hessweep.networks import InputLaw, StoredArrays
from hessweep.networks.input_laws import STANDARD
from hessweep.study.array_files import read_npy
from hessweep.study.messages import quote

KEYS = ("covariance", "exponent", "rank", "mean")
EXPECTED = (
    "standard, {covariance: power-law, exponent: 1.0}, {covariance: [1, 0.5, 0]} (a diagonal), "
    "{covariance: file.npy}, {rank: 2}, {mean: 0.5}, or a list of these"
)
_NUMBER_LIST = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_FILE = {"type": "string", "pattern": r"\.npy$"}
ONE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "const": STANDARD},
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "covariance": {
                    "anyOf": [{"type": "string", "const": "power-law"}, _NUMBER_LIST, _FILE]
                },
                "exponent": {"type": "number", "minimum": 0},
                "rank": {"type": "integer", "minimum": 1},
                "mean": {"anyOf": [{"type": "number"}, _NUMBER_LIST, _FILE]},
            },
        },
    ]
}
SCHEMA: dict[str, Any] = {"anyOf": [*ONE_SCHEMA["anyOf"], {"type": "array", "items": ONE_SCHEMA}]}


@dataclass(frozen=True)
class NamedLaw:
    """A law with the files that it needs."""

    law: InputLaw
    files: tuple[StoredArrays, ...] = ()

    def check(self, N_i: int) -> None:
        """Raise `ValueError` unless the law fits that many inputs."""
        self.law.inputs(N_i, self.files)

    def written(self) -> Any:
        """Return it as a study writes it."""
        paths = {file.sha256: file.file for file in self.files}

        def plain(value: Any) -> Any:
            return paths.get(value, value) if not isinstance(value, tuple) else list(value)

        found: dict[str, Any] = {}
        if self.law.covariance is not None:
            kind, value = self.law.covariance
            if kind == "power-law":
                found = {"covariance": kind, "exponent": value}
            else:
                found = {"rank" if kind == "rank" else "covariance": plain(value)}
        if self.law.mean is not None:
            found["mean"] = plain(self.law.mean)
        return found or STANDARD


def read_input_laws(value: Any, folder: Path) -> Sequence[NamedLaw]:
    """Return the laws of `{mean: 0.5}` and the like, or of a list of these.

    Args:
        value: What the study gives.
        folder: The folder of the study, where files are looked for.

    Raises:
        ValueError: If it is none.
    """
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError(f"expected {EXPECTED}, got {quote(value)}")
    return tuple(_read(item, folder) for item in items)


def _read(value: Any, folder: Path) -> NamedLaw:
    if isinstance(value, NamedLaw):
        return value
    if value == STANDARD:
        return NamedLaw(InputLaw())
    if not isinstance(value, Mapping) or not value or set(value) - set(KEYS):
        raise ValueError(f"expected {EXPECTED}, got {quote(value)}")
    files: list[StoredArrays] = []

    def entry(key: str) -> Any:
        """Return a number, the numbers of a list, or the hash of a file."""
        given = value[key]
        if isinstance(given, str):
            try:
                files.append(read_npy(given, folder))
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
            return files[-1].sha256
        if isinstance(given, list | tuple) and given:
            return tuple(_number(key, item) for item in given)
        return _number(key, given)

    given = [key for key in ("covariance", "rank") if key in value]
    if len(given) > 1:
        raise ValueError("covariance, rank: expected one of the two, got both")
    is_power = value.get("covariance") == "power-law"
    if "exponent" in value and not is_power:
        raise ValueError("exponent: belongs to covariance: power-law")
    covariance: Any = None
    if is_power:
        covariance = ("power-law", _number("exponent", value.get("exponent", 1.0)))
    elif "rank" in value:
        covariance = ("rank", _number("rank", value["rank"]))
    elif "covariance" in value:
        found = entry("covariance")
        if isinstance(found, float):
            raise ValueError(
                "covariance: expected power-law, a list of variances or a .npy file, got "
                f"{quote(value['covariance'])}"
            )
        covariance = ("covariance" if isinstance(found, str) else "diagonal", found)
    law = InputLaw(covariance, entry("mean") if "mean" in value else None)
    _check_arrays(law, files)
    return NamedLaw(law, tuple(files))


def _check_arrays(law: InputLaw, files: Sequence[StoredArrays]) -> None:
    """Raise unless what the files and lists hold is a covariance and a mean."""
    sizes = [len(file["array"]) for file in files if file["array"].ndim]
    if law.covariance is not None and isinstance(law.covariance[1], tuple):
        sizes.append(len(law.covariance[1]))
    if isinstance(law.mean, tuple):
        sizes.append(len(law.mean))
    for file in files:
        if file["array"].ndim not in (1, 2):
            raise ValueError(
                f"{file.file}: expected a vector or a square matrix, got shape "
                f"{file['array'].shape}"
            )
    if sizes:
        law.inputs(sizes[0], files)


def _number(key: str, value: Any) -> float:
    number = not isinstance(value, bool) and isinstance(value, int | float)
    try:
        if number and abs(float(value)) < float("inf"):
            return float(value)
    except OverflowError:
        pass
    raise ValueError(f"{key}: expected a number, got {quote(value)}")
