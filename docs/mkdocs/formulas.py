"""Formulas of the site: `$…$` and `$$…$$` become MathML, which browsers set without any script."""

import contextlib
import re
import unicodedata
from html import escape, unescape
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
LONG = 30
"""Formulas in a line with more letters than this may be wider than a phone: they can scroll."""
_ALPHABETS = {"double-struck": "DOUBLE-STRUCK", "script": "SCRIPT", "bold": "BOLD"}
_MENDS = [
    # Browsers ignore alphabets that are named by an attribute, but know their letters.
    (
        re.compile(rf'<mi mathvariant="({"|".join(_ALPHABETS)})">([A-Z])</mi>'),
        lambda m: f"<mi>{_letter(_ALPHABETS[m[1]], m[2])}</mi>",
    ),
    # Bars, slashes and names before a parenthesis without the space of an operator.
    (
        re.compile(r'<mo(?: stretchy="false")?>(&#x0007C;|&#x0002F;)</mo>'),
        r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>',
    ),
    (
        re.compile(r'<mo>(min|max|sup)</mo>(?=<mo stretchy="false">&#x00028;)'),
        r'<mo lspace="0" rspace="0">\1</mo>',
    ),
    # The space that TeX sets between the name of a function and its argument.
    (
        re.compile(
            r"(?<!<msup>)(?<!<msub>)(<mi>(?:log|ln|exp|sinh?|cosh?|arctan|dim)</mi>)"
            r"(?=<m(?:i|n|sub|sup|frac)\b)"
        ),
        r'\1<mspace width="0.17em"/>',
    ),
    # A backslash between sets that more fonts have.
    (re.compile(r"<mi>&#x029F5;</mi>"), "<mo>&#x02216;</mo>"),
]


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
    for pattern, replacement in _MENDS:
        formula = pattern.sub(replacement, formula)
    if tag:
        # Beside the formula, for a number in it would be set as a part of it.
        number = escape(f"({tag[1]})")
        return f'<span class="formula">{formula}<span class="number">{number}</span></span>'
    if display:
        return formula
    # In an element of text, for Markdown takes a line that begins with <math> for a block.
    long = len(unescape(re.sub(r"<[^>]*>", "", formula))) > LONG
    return f'<span class="{"math long" if long else "math"}">{formula}</span>'


def _letter(alphabet: str, letter: str) -> str:
    """Return a letter of one of Unicode's mathematical alphabets."""
    for name in (f"MATHEMATICAL {alphabet} CAPITAL {letter}", f"{alphabet} CAPITAL {letter}"):
        with contextlib.suppress(KeyError):
            return unicodedata.lookup(name)
    raise ValueError(f"{letter}: no such letter in the alphabet {alphabet}")
