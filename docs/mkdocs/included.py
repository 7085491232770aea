"""What the site's pages take from elsewhere: figures that were made, kinds of figure."""

import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

RESULTS = Path(__file__).parents[2] / "results"
FIGURES_MADE = "<!-- figures -->"
FIGURE_KINDS = "<!-- figure kinds -->"


def pictures() -> list[Path]:
    """Return the pictures that the workflow has made, sorted by study and name."""
    return sorted(RESULTS.glob("*/figures/*.png"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Copy the pictures into the site."""
    for picture in pictures():
        uri = f"gallery/{picture.parent.parent.name}/{picture.name}"
        files.append(File.generated(config, uri, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Write the gallery and the kinds of figure where a page says so."""
    for mark, make in ((FIGURES_MADE, lambda: gallery(pictures())), (FIGURE_KINDS, figure_kinds)):
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def figure_kinds() -> str:
    """Return a Markdown table of the kinds of figure with their options."""
    from hessweep.figures import FIGURES

    rows = [
        f"| `{name}` | {kind.title} | {', '.join(f'`{option}`' for option in kind.options)} |"
        for name, kind in FIGURES.items()
    ]
    return "\n".join(["| kind | shows | options |", "|---|---|---|", *rows])


def gallery(found: list[Path]) -> str:
    """Return Markdown of the pictures with their captions, one heading a study."""
    if not found:
        return "*No study was run before this site was built: `make`, then build it again.*"
    parts, study = [], ""
    for picture in found:
        folder = picture.parent.parent.name
        if folder != study:
            study = folder
            parts.append(f"## {study}")
        text = picture.with_suffix(".txt")
        caption = text.read_text(encoding="utf-8").strip() if text.is_file() else picture.stem
        title = title_of(picture)
        parts.append(f"### {title}\n\n![{title}](gallery/{study}/{picture.name})")
        parts.append(caption.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_"))
    return "\n\n".join(parts)


def title_of(picture: Path) -> str:
    """Return the title of a figure that the workflow made: its study's, or that of its kind."""
    from hessweep.figures import FIGURES

    receipt = picture.parents[1] / "receipts" / "figures" / f"{picture.stem}.json"
    if not receipt.is_file():
        return picture.stem
    request = json.loads(receipt.read_text(encoding="utf-8"))["request"]
    kind = FIGURES.get(request["kind"])
    return str(request.get("title") or (kind.title if kind else picture.stem))
