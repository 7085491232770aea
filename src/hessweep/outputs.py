"""The gate for study files: what every command, the workflow and `hessweep.load_study` call.

A study's tables and figures are of kinds that the modules `tables` and `figures` define. These
build on what a study is, so that the check of their names and options is here and not there.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hessweep.errors import StudyError
from hessweep.study import FigureRequest, Study, TableRequest, read_study

PAPER = "config/paper.yaml"
"""The study that the workflow runs where none is named."""


def study_file_of(config: Mapping[str, Any]) -> str:
    """Return the study file that a configuration of Snakemake names.

    Raises:
        StudyError: If the configuration holds anything else, such as a study itself.
    """
    if unknown := sorted(set(config) - {"study"}):
        raise StudyError(
            f"unknown configuration {', '.join(unknown)}: a study is not a configuration file of "
            "Snakemake; name it by --config study=FILE"
        )
    return str(config.get("study", PAPER))


def load_study(path: str | Path) -> Study:
    """Read a study file, and check all of it.

    Args:
        path: The study file, YAML.

    Returns:
        The study: its sweeps, tables, figures and cluster.

    Raises:
        StudyError: If the file can not be read, is not YAML, or does not follow the schema; or if
            a kind of table or figure is unknown, does not take one of its options, or lacks one.
            The message names every wrong key, what was expected there and what came.
    """
    study = read_study(path)
    check_outputs(study, path)
    return study


def check_outputs(study: Study, path: str | Path) -> None:
    """Check the kinds and the options of all tables and figures, which `read_study` does not.

    Args:
        study: The study.
        path: How messages name its file.

    Raises:
        StudyError: If a kind is unknown, does not take one of its options, or lacks one; the
            message names every one of them.
    """
    # Imported only where a study has tables or figures: pandas and matplotlib take a second.
    wrong: list[str] = []
    if study.tables:
        from hessweep.tables import table_kind

        wrong += _mistakes(
            "tables", study.tables, lambda request: table_kind(request.kind, request.options)
        )
    if study.figures:
        from hessweep.figures import figure_kind

        wrong += _mistakes(
            "figures",
            study.figures,
            lambda request: figure_kind(request.kind, request.options, request.file),
        )
    if wrong:
        raise StudyError("\n".join(f"{path}: {mistake}" for mistake in wrong))


def _mistakes(
    section: str,
    requests: Mapping[str, TableRequest] | Mapping[str, FigureRequest],
    check: Callable[[Any], object],
) -> Iterator[str]:
    for name, request in requests.items():
        try:
            check(request)
        except StudyError as error:
            yield f"{section}.{name}: {error}"
