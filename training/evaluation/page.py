"""Pages of reports: HTML that needs nothing beside it; what comes from outside is escaped."""

from collections.abc import Sequence
from html import escape

from training.evaluation.charts import STYLE

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --soft: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --soft: #24272b; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { line-height: 1.25; margin: .5rem 0; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; margin: .8rem 0; } figure { margin: 0; }
table { border-collapse: collapse; } caption { text-align: left; color: var(--quiet); }
th, td { text-align: left; border-bottom: 1px solid var(--line); vertical-align: top;
  font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; } .small { color: var(--quiet); }
"""


def page(title: str, body: str, *, style: str, language: str = "en") -> str:
    """A whole page that needs nothing beside it.

    Args:
        title: Plain text.
        body: HTML.
        style: CSS of this page, which may override that of all pages.
        language: `en` or `zh`.
    """
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}{_STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text.

    Args:
        caption: Caption of the table.
        heads: Headings of the columns.
        rows: Cells of each row, as many as there are headings; the first one heads the row.

    Returns:
        HTML.
    """
    head = "".join(f'<th scope="col">{text(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>'
        + "".join(f"<td>{text(one)}</td>" for one in rest)
        + "</tr>\n"
        for first, *rest in rows
    )
    return (
        f'<div class="wide"><table>\n<caption>{text(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def items(sentences: Sequence[str], *, ordered: bool = False) -> str:
    """A list of plain sentences as HTML; empty where there are none."""
    tag = "ol" if ordered else "ul"
    inside = "".join(f"<li>{text(sentence)}</li>\n" for sentence in sentences)
    return f"<{tag}>\n{inside}</{tag}>\n" if inside else ""


def paragraph(sentence: str, style: str = "") -> str:
    """A paragraph of plain text as HTML; `style` is its CSS class."""
    return f'<p class="{style}">{text(sentence)}</p>\n' if style else f"<p>{text(sentence)}</p>\n"


def heading(sentence: str, level: int = 2) -> str:
    """A heading of plain text as HTML."""
    return f"<h{level}>{text(sentence)}</h{level}>\n"


def text(plain: str) -> str:
    """Escape plain text for elements and attributes; no line breaks before a per cent sign."""
    return escape(plain).replace(" %", "&nbsp;%")
