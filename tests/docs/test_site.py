"""The site: builds strictly without network, and says of studies what the schema says."""

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import unicodedata
from html import unescape

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from pages import DOCS, blocks
from typer.main import get_command

from hessweep.activations import ACTIVATIONS
from hessweep.cli import app
from hessweep.figures import FIGURES
from hessweep.networks import WEIGHTS
from hessweep.store.schema import DIMENSIONS, POINT, PUBLISHED_COLUMNS
from hessweep.study import Study, parse_study
from hessweep.tables import TABLES

CONFIG = DOCS / "mkdocs" / "mkdocs.yml"
# A proxy that nobody listens on: whatever wants the network fails.
OFFLINE = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", CONFIG, "-d", folder]
    environment = {**os.environ, **OFFLINE, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=200, env=environment
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_built_and_in_the_navigation(site):
    pages = {path.stem for path in DOCS.glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} >= pages
    # Not read with PyYAML: MkDocs has tags of its own.
    navigation = CONFIG.read_text().partition("nav:")[2].partition("theme:")[0]
    assert set(re.findall(r"([\w-]+)\.md", navigation)) == pages


def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]+)"', page.read_text())
        loaded += re.findall(
            r'<link[^>]* rel="(?:stylesheet|preconnect|icon)"[^>]* href="([^"]+)"',
            page.read_text(),
        )
        assert [address for address in loaded if "//" in address and "data:" not in address] == []


def test_reference_holds_what_docstrings_say(site):
    text = (site / "api.html").read_text()
    for name in ("sample_teacher", "spectral_density", "hessian_law", "open_results"):
        assert f".{name}" in text
    assert "smallest non-zero eigenvalue" in text


def test_figure_kinds_are_listed(site):
    for page in ("study", "figures"):
        text = (site / f"{page}.html").read_text()
        assert all(f"<code>{name}</code>" in text for name in FIGURES)


def test_study_page_has_every_key_and_no_other():
    schema = Study.schema()
    sections = {**schema["$defs"], "Study": schema}
    text = (DOCS / "study.md").read_text()
    found = re.findall(r"\{ #(\w+) \}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    documented = {name: re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for name, part in found}
    assert {name: sorted(keys) for name, keys in documented.items()} == {
        name: sorted(section["properties"]) for name, section in sections.items()
    }
    for name, part in found:
        needed = re.findall(r"^\| `(\w+)` \|.*\| needed \|$", part, re.MULTILINE)
        required = sections[name].get("required", [])
        # A kind has a default in the schema, but without it the cluster is a local one.
        assert set(needed) - {"kind"} == set(required) - {"kind"}


def test_study_page_names_what_there_is():
    text = (DOCS / "study.md").read_text()
    named = set(re.findall(r"`([\w-]+)`", text))
    assert set(ACTIVATIONS) | set(WEIGHTS) | set(TABLES) <= named
    paragraph = re.search(r"^Activations: (.*?)\n\n", text, re.MULTILINE | re.DOTALL)[1]
    parameters = {"coefficients", "degree", "epsilon", "beta"}
    assert set(re.findall(r"`(\w+)`", paragraph)) == set(ACTIVATIONS) | parameters


def test_columns_and_commands_are_those_that_there_are():
    text = (DOCS / "columns.md").read_text()
    columns = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.*?) \|$", text, re.MULTILINE)
    assert columns == [
        (
            column.name,
            column.dtype,
            DIMENSIONS.get(column.name, POINT),
            column.long_name + (", in seconds" if column.units == "s" else ""),
        )
        for column in PUBLISHED_COLUMNS
    ]
    rows = re.findall(r"^\| `hessweep (\w+)[^`]*` \| .*? \| ?(.*?) ?\|$", text, re.MULTILINE)
    commands = {command.name: command for command in get_command(app).commands.values()}
    assert {name: set(re.findall(r"--[\w-]+", options)) for name, options in rows} == {
        name: {p.opts[0] for p in command.params if p.param_type_name == "option"}
        for name, command in commands.items()
    }


def test_studies_of_the_page_are_studies():
    documents = [yaml.safe_load(b.text) for b in blocks("study.md") if b.language == "yaml"]
    assert [parse_study(document).name for document in documents] == ["demo", "enough"]


def test_snippet_of_the_reference_runs(capsys):
    for block in blocks("api.md"):
        exec(compile(block.text, "api.md", "exec"), {})  # noqa: S102 - our own docs
    assert capsys.readouterr().out.split()[-1] == "8"


def test_gallery_shows_made_figures_with_their_captions(tmp_path):
    spec = importlib.util.spec_from_file_location("included", DOCS / "mkdocs" / "included.py")
    included = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(included)
    assert "No study was run" in included.gallery([])
    folder = tmp_path / "paper" / "figures"
    folder.mkdir(parents=True)
    (folder / "fig2.png").write_bytes(b"png")
    (folder / "fig2.txt").write_text("Law of N_i <b>eigenvalues</b>.")
    text = included.gallery([folder / "fig2.png"])
    assert "## paper" in text
    assert "![fig2](gallery/paper/fig2.png)" in text
    receipts = tmp_path / "paper" / "receipts" / "figures"
    receipts.mkdir(parents=True)
    request = {"kind": "rank-grid", "title": "Rank of cubic networks"}
    (receipts / "fig2.json").write_text(json.dumps({"request": request}))
    named = included.gallery([folder / "fig2.png"])
    assert "### Rank of cubic networks\n\n![Rank of cubic networks](gallery/paper" in named
    (receipts / "fig2.json").write_text(json.dumps({"request": {"kind": "rank-grid"}}))
    assert "### Rank against formula" in included.gallery([folder / "fig2.png"])
    assert r"N\_i &lt;b>eigenvalues" in text


def text_of(cell):
    """What a cell of the notebook printed."""
    return "".join(out.get("text", "") for out in cell.get("outputs", []))


def test_notebook_runs():
    notebook = nbformat.read(DOCS / "explore.ipynb", as_version=4)
    stored = [text_of(cell) for cell in notebook.cells]
    assert sum(map(bool, stored)) >= 4
    assert any("image/png" in str(cell.get("outputs")) for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    # What the notebook shows to those who only read it is what it prints.
    assert [text_of(cell) for cell in notebook.cells] == stored
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "proved: 48 of 48" in str(outputs)


def formulas(page):
    """TeX of every formula of a page, with code left out."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [a or b for a, b in re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", text)]


def test_formulas_are_mathematics_and_none_is_lost(site):
    with_formulas = 0
    for page in DOCS.glob("*.md"):
        html = (site / f"{page.stem}.html").read_text()
        body = html.partition("<article")[2].partition("</article>")[0]
        found = re.findall(r"<math\b.*?</math>", body, re.DOTALL)
        expected = formulas(page)
        with_formulas += bool(expected)
        assert len(found) == len(expected), page.name
        for tex, mathml in zip(expected, found, strict=True):
            # Digits and single letters stay what they are: nothing between tags was taken away.
            text = unicodedata.normalize("NFKC", html_text(mathml))
            assert "\\" not in text, tex
            plain = re.sub(r"\\(?:tag|begin|end)\{.*?\}|\\[a-zA-Z]+|\\.", " ", tex)
            assert set(re.findall(r"[0-9A-Za-z]", plain)) <= set(text), tex
        prose = html_text(re.sub(r"<(code|math)\b.*?</\1>", "", body, flags=re.DOTALL))
        assert "$" not in prose, page.name
        assert not re.search(r"\\[a-zA-Z]+", prose), page.name
        for number in re.findall(r"\\tag\{(\w+)\}", page.read_text()):
            assert f'<span class="number">({number})</span>' in body
        # A formula at the beginning of a line does not end its paragraph.
        inline = r'<(?:span class="math|math [^>]*display="inline")'
        cut = re.search(rf"<p>\s*[,.;:)]|(?:</p>|</h\d>|^)\s*{inline}", body)
        assert cut is None, page.name
    assert with_formulas >= 12


def test_formulas_are_typeset_and_not_set_as_code():
    letters = r"[\u0391-\u03c9∂∑√∫≠≤≥²³]|[\w)]\^[\w({]"
    for page in DOCS.glob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)
        code = re.findall(r"`[^`]+`|^ {4}.*$", text, re.MULTILINE)
        assert [words for words in code if re.search(letters, words)] == [], page.name


def prose(page):
    """A page's Markdown with code and formulas left out."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(?: {4,}).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`|\$\$.+?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)


def test_text_in_braces_is_not_taken_for_attributes(site):
    for page in DOCS.glob("*.md"):
        seen = html_text((site / f"{page.stem}.html").read_text())
        braces = re.findall(r"\{[^{}\n]*\}", prose(page))
        expected = [text for text in braces if not re.match(r"\{\s*[#.:]", text)]
        assert [text for text in expected if text not in seen] == [], page.name


def test_lists_are_set_as_lists():
    """Markdown of the site takes a list without a blank line before it for a part of the text."""
    for page in DOCS.glob("*.md"):
        lines = prose(page).splitlines()
        for before, line in itertools.pairwise(lines):
            begins = re.match(r"(?:[-*]|\d+\.) ", line)
            goes_on = not before.strip() or re.match(r"#|\s*(?:[-*]|\d+\.) |  ", before)
            assert goes_on or not begins, f"{page.name}: {line}"


def html_text(html):
    return unescape(re.sub(r"<[^>]+>", "", html))
