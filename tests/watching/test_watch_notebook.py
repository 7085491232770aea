"""The same in a notebook, with a real kernel."""

import nbformat
import pytest
from nbclient import NotebookClient
from watching.conftest import fill

import hessweep
from hessweep.errors import InputError, StudyError
from hessweep.outputs import load_study

LIVE = """
import hessweep
shown = hessweep.watch("study.yaml", refresh=0.2).live()
"""
REST = """
import time
from hessweep.running.requested import request
from hessweep.store import write_segment
study = hessweep.load_study("study.yaml")
before = shown.is_live
while points := [p for p in request(study.sweeps.values(), study.results)()
                 if p.key not in shown._watcher._stored.status]:
    write_segment(study.results, [point.compute() for point in points])
    time.sleep(1)
end = time.monotonic() + 60
while shown.is_live and time.monotonic() < end:
    time.sleep(0.1)
print(before, shown.is_live)
"""


def html_of(cell):
    return "".join(output["data"].get("text/html", "") for output in cell["outputs"])


def test_a_cell_follows_a_sweep_to_its_end(folder):
    cells = [nbformat.v4.new_code_cell(text) for text in (LIVE, REST)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    live, rest = notebook["cells"]
    assert rest["outputs"][0]["text"] == "True False\n"
    assert len(live["outputs"]) == 1
    assert "Every point has been computed." in html_of(live)


def test_it_is_shown_without_scripts_in_a_frame_of_its_own(folder, browser):
    fill(load_study("study.yaml"))
    html = hessweep.watch("study.yaml")._repr_html_()
    assert html.startswith('<iframe sandbox="" srcdoc="')
    assert "<script" not in html
    tab = browser.new_page()
    tab.set_content(f"<p>notebook</p>{html}")
    frame = tab.frame_locator("iframe")
    assert "55 of at least 150" in frame.locator(".lead").inner_text()
    assert frame.locator("svg").count() == 2
    tab.close()


def test_what_is_not_there_is_told(folder):
    with pytest.raises(InputError, match="live: expected a notebook"):
        hessweep.watch("study.yaml").live()
    with pytest.raises(StudyError, match=r"missing\.yaml"):
        hessweep.watch("missing.yaml")
    with pytest.raises(InputError, match="refresh: expected a number of seconds above 0"):
        hessweep.watch("study.yaml", refresh=0)
    assert repr(hessweep.watch("study.yaml")) == "<watching results/demo>"
