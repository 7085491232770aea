"""What workers get that do not see the driver's folders."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distributed import Nanny

from hessweep.activations.own import load_activation
from hessweep.running.clusters.worker_plugins import DataFiles, WorkerVariables
from hessweep.running.worker_environment import MALLOC

OWN = """
from pathlib import Path
import numpy as np
HERE = Path(__file__).parent
SCALE = float(np.loadtxt(HERE / "data" / "scale.txt")) + float(np.loadtxt(HERE / "shift.txt"))
def wavy(x):
    return np.sin(SCALE * x)
"""

ELSEWHERE = """
import pickle, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
plugin, activation = pickle.loads(Path(sys.argv[1]).read_bytes())
if sys.argv[3] == "with":
    plugin.setup(SimpleNamespace(local_directory=sys.argv[2]))
print(float(activation(np.array(1.0))).hex())
"""


@pytest.fixture
def sent(tmp_path: Path) -> tuple[Path, float]:
    """A plugin and an activation in a file, while the folder that they come from is gone."""
    folder = tmp_path / "study"
    (folder / "data").mkdir(parents=True)
    (folder / "wavy.py").write_text(OWN)
    (folder / "data" / "scale.txt").write_text("0.5")
    (folder / "shift.txt").write_text("0.25")
    activation = load_activation(folder / "wavy.py", "wavy")
    assert [name for name, _ in activation.data] == ["data/scale.txt", "shift.txt"]
    plugin = DataFiles(activation.file, activation.data)
    path = tmp_path / "sent"
    path.write_bytes(pickle.dumps((plugin, activation)))
    shutil.rmtree(folder)
    return path, float(np.sin(0.75))


def elsewhere(path: Path, scratch: Path, how: str) -> subprocess.CompletedProcess[str]:
    scratch.mkdir()
    command = [sys.executable, "-c", ELSEWHERE, str(path), str(scratch), how]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_data_files_of_an_activation_reach_a_process_without_them(
    sent: tuple[Path, float], tmp_path: Path
) -> None:
    path, expected = sent
    done = elsewhere(path, tmp_path / "scratch", "with")
    assert float.fromhex(done.stdout) == expected, done.stderr
    written = [file for file in (tmp_path / "scratch").rglob("*") if file.is_file()]
    assert sorted(file.name for file in written) == ["scale.txt", "shift.txt"]
    assert "FileNotFoundError" in elsewhere(path, tmp_path / "other", "without").stderr


def test_where_the_files_are_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "wavy.py").write_text(OWN)
    for name in ("data/scale.txt", "shift.txt"):
        (tmp_path / name).write_text("1.0")
    activation = load_activation(tmp_path / "wavy.py", "wavy")
    plugin = DataFiles(activation.file, activation.data)
    plugin.setup(object())  # It needs nothing of a worker.
    # Other content, other file: another plugin, which does not replace the first.
    other = (("shift.txt", "0" * 64),)
    assert len({plugin.name, DataFiles("b", ()).name, DataFiles(activation.file, other).name}) == 3


def test_worker_processes_get_the_environment_that_suits_our_work() -> None:
    nanny = object.__new__(Nanny)
    nanny.pre_spawn_env, nanny.env = {}, {}
    WorkerVariables().setup(nanny)
    assert MALLOC.items() <= nanny.pre_spawn_env.items()
    assert nanny.env == nanny.pre_spawn_env
