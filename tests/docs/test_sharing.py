"""The page on sharing: its commands, run in order, and what it says is in a bundle."""

import re
import zipfile
from pathlib import Path

import xarray
import zarr
from pages import DOCS, blocks, command

import hessweep

STUDY = """
name: mine
sweeps:
  square: {activation: [erf, linear], N: [2, 3], seeds: 2}
"""


def test_commands_of_the_page_and_files_of_a_bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(STUDY)
    command("$ hessweep run mine.yaml --workers 1")
    Path("results/mine/report.html").write_text("a report")
    lines = [
        line
        for block in blocks("sharing.md")
        if block.language == "console"
        for line in block.text.splitlines()
    ]
    assert len(lines) == 4
    for line in lines:
        command(line)
    python = next(block for block in blocks("sharing.md") if block.language == "python")
    variables = {"hessweep": hessweep}
    exec(python.text, variables)  # noqa: S102 - our own docs
    assert len(hessweep.table(variables["results"])) == 8
    with zipfile.ZipFile("mine.zip") as opened:
        found = {re.sub("(?<=/).*", "", name) for name in opened.namelist()}
    text = (DOCS / "sharing.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert found == {re.sub("(?<=/).*", "", name) for name in listed}


def test_without_hessweep(tmp_path, monkeypatch):
    """The way into the zip by Zarr and xarray alone, as the page writes it."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(STUDY)
    command("$ hessweep run mine.yaml --workers 1")
    command("$ hessweep export results/mine mine.zip")
    [python] = (block for block in blocks("sharing.md") if "ZipStore" in block.text)
    line = python.text.splitlines()[-1]
    variables = {"xarray": xarray, "zarr": zarr}
    exec(python.text.replace(line, f"opened = {line}"), variables)  # noqa: S102 - our own docs
    assert dict(variables["opened"].sizes) == {"point": 4, "eigenvalue": 2 * (6 + 12)}
