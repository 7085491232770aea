"""The page as one HTML file: template, style and scripts in one, without access to the network."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hessweep.report.packing import pack
from hessweep.report.table import SYMBOLS, group_digits

SCRIPTS = ("page.js", "compared.js", "explorer.js")

VERDICTS = {"holds": "holds", "holds with correction": "corrected", "fails": "fails"}
"""Classes of the page's style for the verdicts on claims."""

_SYMBOL = re.compile(r"\b(?:(N|λ|K|D)_(i|h|o|N|min|max|\d)|(W|b)_?([12]))\b")
_POWER = re.compile(r"(?<=[\w>)])\^(?:\(([^()]*)\)|(-?\d+(?:\.\d+)?|[A-Za-z]\b))")
_SPELLED = {"lambda_min": "λ_min", "lambda_max": "λ_max"}


def render(results: Mapping[str, Any], **context: Any) -> str:
    """Return the page that the template `page.html.j2` makes of the context.

    Args:
        results: What the explorer of the page reads.
        **context: The other variables of the template. All of them are escaped.

    The content security policy of the page allows the scripts of this package, by their hashes,
    and no other script and no request.
    """
    environment = Environment(
        loader=PackageLoader("hessweep.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "symbols": symbols,
        "axis_label": lambda axis: symbols(axis if axis in SYMBOLS else axis.capitalize()),
        "group_digits": group_digits,
        "verdict_class": lambda verdict: VERDICTS.get(verdict, ""),
    }
    scripts = [_own(name) for name in SCRIPTS]
    return environment.get_template("page.html.j2").render(
        style=_own("page.css"),
        scripts=scripts,
        plotly=pack(_plotly()),
        packed_results=pack(json.dumps(results, separators=(",", ":")).encode()),
        policy=content_policy([*(script.encode() for script in scripts), _plotly()]),
        results=results,
        **context,
    )


def symbols(text: str) -> Markup:
    """Return HTML for a text: subscripts as in `N_i`, `lambda_min`, powers as in `e^(-2 t)`."""
    for word, symbol in _SPELLED.items():
        text = text.replace(word, symbol)
    html = _SYMBOL.sub(r"\1\3<sub>\2\4</sub>", str(escape(text)))
    return Markup(_POWER.sub(_raised, html))  # noqa: S704 - escaped above


def _raised(power: re.Match[str]) -> str:
    return f"<sup>{(power[1] or power[2]).replace('-', '−')}</sup>"


def content_policy(scripts: list[bytes]) -> str:
    """Return the content security policy that allows these scripts and no connection."""
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _own(name: str) -> str:
    return resources.files("hessweep.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> bytes:
    """Return the script of the plotting library, which the package plotly contains."""
    return resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
