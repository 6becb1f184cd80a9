"""Elements of the report's page; everything that comes from outside is escaped."""

from collections.abc import Sequence
from html import escape

from training.evaluation.charts import STYLE

PAGE_STYLE = (
    STYLE
    + """
:root { color-scheme: light dark; --paper: #fff; --soft: #f1f3f5; --bad: #b3361c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --soft: #24272b; --bad: #ff9a80; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }
.verdict { display: flex; gap: 1.2rem; align-items: flex-start; background: var(--soft);
  border-radius: .5rem; padding: 1rem; }
.letter { font-size: 3.4rem; font-weight: 700; line-height: 1; min-width: 4rem;
  text-align: center; }
.D, .E { color: var(--bad); } .verdict ul { margin: .3rem 0 0; padding-left: 1.1rem; }
.wide { overflow-x: auto; margin: .8rem 0; } .half { max-width: 34rem; }
table { border-collapse: collapse; } caption { text-align: left; color: var(--quiet); }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; font-variant-numeric: tabular-nums; }
figure { margin: 0; } .failures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
.failures img { max-width: 100%; height: auto; display: block; }
li { margin: .25rem 0; } .small { color: var(--quiet); } .language { float: right; }
code { overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } h2 { break-after: avoid; }
  .verdict, figure, tr { break-inside: avoid; } .language { display: none; } }
"""
)


def page(title: str, language: str, body: str) -> str:
    """A whole page that needs nothing beside it.

    Args:
        title: Plain text.
        language: `en` or `zh`.
        body: HTML.
    """
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{body}</main>\n</body>\n</html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text in, a table out; the first cell of each row heads it."""
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
    """A list of plain sentences; nothing of none."""
    tag = "ol" if ordered else "ul"
    inside = "".join(f"<li>{text(sentence)}</li>\n" for sentence in sentences)
    return f"<{tag}>\n{inside}</{tag}>\n" if inside else ""


def paragraph(sentence: str, style: str = "") -> str:
    """A plain sentence."""
    return f'<p class="{style}">{text(sentence)}</p>\n' if style else f"<p>{text(sentence)}</p>\n"


def heading(sentence: str, level: int = 2) -> str:
    """A plain heading."""
    return f"<h{level}>{text(sentence)}</h{level}>\n"


def text(plain: str) -> str:
    """Escaped, for text and attributes alike; a line never ends between a number and its sign."""
    return escape(plain).replace(" %", "&nbsp;%")
