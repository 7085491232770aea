"""A sweep of trajectories is killed while it computes, and goes on to the same bits."""

from pathlib import Path

import pytest

from faults.processes import HESSWEEP, compute, kill_somewhere, segments
from faults.stored import contents, times_stored
from hessweep.running import verify

STUDY = """
name: demo
sweeps:
  along:
    activation: [erf, quadratic]
    N: 2
    seeds: 6
    kind: training
    training:
      - {stop: {time: 1.0e+3}, times: 20}
      - {start: {noise: 0.05}, method: sgd, learning_rate: 0.01, stop: {time: 20}}
"""


@pytest.mark.faults
def test_trajectories_go_on_after_kills_to_the_same_bits(tmp_path: Path) -> None:
    """Two kills of the whole process group, at moments while segments are written."""
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm, killed):
        folder.mkdir()
        (folder / "study.yaml").write_text(STUDY)
    assert compute(calm)["computed"] == 24
    run = (*HESSWEEP, "run", "study.yaml", "--workers", "2")
    stored = [segments(killed)]
    for moment in (0.3, 0.8):
        assert kill_somewhere(run, killed, "group", moment)
        stored.append(segments(killed))
        assert stored[-2] < stored[-1]
    counts = compute(killed)
    assert counts["failed"] == 0
    assert 0 < counts["computed"] < 24
    root = killed / "results" / "demo"
    assert contents(root) == contents(calm / "results" / "demo")
    assert max(times_stored(root).values()) == 1
    problems = verify(root, sample=2).problems
    assert not problems
