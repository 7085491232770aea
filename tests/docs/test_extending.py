"""The figure of one's own on the page on extensions."""

from pages import follow

import hessweep
from hessweep.figures import make
from hessweep.outputs import load_study
from hessweep.running import run
from hessweep.store import publish


def test_the_figure_of_the_page_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    follow("extending.md")
    study = load_study("with-traces.yaml")
    run(study.points(), study.results)
    publish(study.results)
    request = study.figures["traces"]
    paths = make(
        request.kind, hessweep.open_results(study.results), "made", request.file, **request.options
    )
    caption = paths[3].read_text()
    traces = [
        hessweep.hessian(hessweep.sample_teacher("linear", 3, N_h, seed)).trace()
        for N_h in range(1, 5)
        for seed in range(5)
    ]
    assert caption == (
        f"Trace of the Hessian of 20 teachers, {sum(traces) / 20:.2f} on average.\n"
    )
