"""What an undisturbed run stores."""

import os

import pytest

from faults.processes import STUDY, compute
from faults.stored import Content, contents


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Neither the tests' own processes nor what they start share a product among threads."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """The points of `STUDY`, computed in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "study.yaml").write_text(STUDY)
    assert compute(folder) == {"requested": 360, "computed": 360, "reused": 0, "failed": 0}
    return contents(folder / "results" / "demo")
