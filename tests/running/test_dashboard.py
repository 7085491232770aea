"""Dask's dashboard, where it is asked for."""

import subprocess
import sys

from hessweep.cli.progress import ProgressDisplay
from hessweep.running.clusters.dask_settings import wants_dashboard, with_dashboard
from hessweep.running.driver import Progress


def test_it_is_wanted_within_the_block_alone(monkeypatch):
    # Whether bokeh is there or not: what it does is not asked for here.
    module = sys.modules[with_dashboard.__module__]
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    assert not wants_dashboard()
    with with_dashboard(True):
        assert wants_dashboard()
    with with_dashboard(False):
        assert not wants_dashboard()
    assert not wants_dashboard()


def test_without_bokeh_the_command_says_what_to_install(tmp_path):
    """Started without it, whether it is installed here or not."""
    (tmp_path / "study.yaml").write_text(
        "name: demo\nsweeps:\n  one: {activation: erf, N: 2, seeds: 1}\n"
    )
    code = (
        "import sys; sys.modules['bokeh'] = None; from hessweep.cli import main;"
        "main(['run', 'study.yaml', '--dashboard'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "Dask's dashboard needs the package bokeh: `pip install bokeh`" in ended.stderr
    assert not (tmp_path / "results").exists()


def test_its_address_is_told_once(capsys):
    with ProgressDisplay() as display:
        for done in range(3):
            display(Progress(3, done=done, workers=1, dashboard="http://127.0.0.1:8787/status"))
    assert capsys.readouterr().err.count("Dask's dashboard: http://127.0.0.1:8787/status") == 1
