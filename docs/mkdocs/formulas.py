"""Formulas of the site: `$…$` and `$$…$$` become MathML, which browsers set without any script."""

import re
from html import escape
from typing import Any

from latex2mathml.converter import convert

_CODE = re.compile(
    r"^( *)(```|~~~).*?^\1\2[ ]*$|(`+)(?!`).*?(?<!`)\3(?!`)", re.MULTILINE | re.DOTALL
)
_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?![\s$])([^$]*?)(?<=[^\s\\])\$(?![\w$])", re.DOTALL
)
_PRIMES = re.compile(r"('+)\^(\{[^{}]*\}|\w)")
_TAG = re.compile(r"\\tag\{([^}]*)\}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the formulas of a page, but not what looks like one in code."""
    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_FORMULA.sub(_replace, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _FORMULA.sub(_replace, markdown[end:])])


def _replace(found: re.Match[str]) -> str:
    display, inline = found.groups()
    return mathml(display, display=True) if display else mathml(inline)


def mathml(tex: str, display: bool = False) -> str:
    r"""Return the MathML of a formula on one line, with the number that `\tag{…}` gives it."""
    tag = _TAG.search(tex)
    # latex2mathml takes a prime before an exponent for a second exponent, which TeX does not.
    plain = _PRIMES.sub(lambda m: "^{" + r"\prime" * len(m[1]) + f" {m[2]}}}", _TAG.sub("", tex))
    formula = convert(plain.strip(), display="block" if display else "inline")
    formula = re.sub(r"\s*\n\s*", " ", formula)
    if tag:
        # Beside the formula, for a number in it would be set as a part of it.
        number = escape(f"({tag[1]})")
        return f'<span class="formula">{formula}<span class="number">{number}</span></span>'
    return formula
