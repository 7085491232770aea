"""A study: the file that says what to compute, what to show, and where to run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from hessweep.errors import StudyError, did_you_mean
from hessweep.points import Points
from hessweep.study.clusters import (
    AddressCluster,
    ClusterConfig,
    FileCluster,
    GatewayCluster,
    KubernetesCluster,
    LocalCluster,
    SlurmCluster,
)
from hessweep.study.document import read_document
from hessweep.study.grid import MAX_POINTS
from hessweep.study.messages import explain
from hessweep.study.paths import PlainRoot, read_path
from hessweep.study.requests import FigureRequest, TableRequest
from hessweep.study.section import Name, Section
from hessweep.study.sweeps import Sweep


class Study(Section):
    """What one study file asks for."""

    name: Name
    results: PlainRoot = Field(
        default_factory=lambda data: Path("results") / data.get("name", ""),
        json_schema_extra={"description": "default: results/<name>"},
    )
    """The folder where everything goes, or the address on an object store where points go."""
    sweeps: dict[Name, Sweep] = Field(min_length=1)
    figures: dict[Name, FigureRequest] = Field(default_factory=dict)
    tables: dict[Name, TableRequest] = Field(default_factory=dict)
    cluster: ClusterConfig = LocalCluster()

    @model_validator(mode="after")
    def _not_too_many(self) -> "Study":
        cells = sum(sweep.cells for sweep in self.sweeps.values())
        if cells > MAX_POINTS:
            raise ValueError(
                f"sweeps: expected at most {MAX_POINTS:,} points in all, got {cells:,}; "
                "make several studies of it"
            )
        return self

    @model_validator(mode="after")
    def _sweeps_exist(self) -> "Study":
        unknown = [
            f"{section}.{name}.sweeps: unknown sweep {sweep!r}{did_you_mean(sweep, self.sweeps)}"
            for section in ("figures", "tables")
            for name, request in getattr(self, section).items()
            for sweep in request.sweeps
            if sweep not in self.sweeps
        ]
        if unknown:
            raise ValueError(f"{'; '.join(unknown)}; this study has {', '.join(self.sweeps)}")
        return self

    @property
    def folder(self) -> Path:
        """The folder of what is no point: tables, figures, the report, receipts and logs.

        That is the results folder, or `results/<name>` beside results on an object store.
        """
        return self.results if isinstance(self.results, Path) else Path("results") / self.name

    def points(self) -> Points:
        """Return the points of all sweeps, each once, in the order of the study."""
        return Points.union(sweep.points() for sweep in self.sweeps.values())

    @classmethod
    def schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the JSON schema of a study file, for editors and for the docs."""
        schema = cls.model_json_schema()
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_study(path: str | Path) -> Study:
    """Read a study file, without a check of its tables and figures.

    `hessweep.outputs.load_study` also checks these, and is what users' entry points call.

    Raises:
        StudyError: If the file can not be read, is not YAML, or does not follow the schema; the
            message names every wrong key, what was expected there and what came.
    """
    path = Path(path)
    return parse_study(read_document(path), path)


load_study = read_study
"""The name of `read_study` in version 0.1, kept for scripts that import it from here."""


def parse_study(document: Any, path: str | Path = "study") -> Study:
    """Return the study that plain data (a YAML file's content) describes.

    Args:
        document: What the file holds.
        path: How messages name the file.

    Raises:
        StudyError: If the data does not follow the schema.
    """
    if not isinstance(document, Mapping):
        raise StudyError(
            f"{path}: expected a study, a mapping with the keys name and sweeps, got "
            f"{'nothing' if document is None else type(document).__name__}"
        )
    try:
        return Study.model_validate(document, context={"folder": Path(path).parent})
    except ValidationError as error:
        raise StudyError(explain(Path(path), error)) from None


__all__ = [
    "AddressCluster",
    "ClusterConfig",
    "FigureRequest",
    "FileCluster",
    "GatewayCluster",
    "KubernetesCluster",
    "LocalCluster",
    "SlurmCluster",
    "Study",
    "Sweep",
    "TableRequest",
    "load_study",
    "parse_study",
    "read_path",
    "read_study",
]
