"""What a study asks for besides points: tables and figures, each of a known kind."""

from pathlib import Path

from hessweep.errors import StudyError
from hessweep.figures import figure_kind
from hessweep.study import Study
from hessweep.tables import table_kind


def check_outputs(study: Study, path: str | Path) -> None:
    """Check kinds and options of all tables and figures, which loading a study leaves open.

    Args:
        study: The study.
        path: How messages name its file.

    Raises:
        StudyError: If a kind is unknown, does not take one of its options, or lacks one; the
            message names every one of them.
    """
    wrong = []
    for section, kind_of, requests in (
        ("tables", table_kind, study.tables),
        ("figures", figure_kind, study.figures),
    ):
        for name, request in requests.items():
            try:
                kind_of(request.kind, request.options)
            except StudyError as error:
                wrong.append(f"{path}: {section}.{name}: {error}")
    if wrong:
        raise StudyError("\n".join(wrong))
