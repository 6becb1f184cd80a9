"""The report on a generator's knobs: HTML in each language, and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from clickorder.audit.messages import LANGUAGES, Language, message, percent
from clickorder.audit.plots import response
from clickorder.audit.report import FILES, STYLE
from clickorder.audit.search import LEAST_READABLE, Knob, Search
from labels.atomic import write_atomically
from training.evaluation.page import heading, page, paragraph, table

RESULT_FILE = "generator.json"


def write_search(found: Search, folder: Path) -> None:
    """Write `report.html`, `report.zh.html` and `generator.json`, each whole or not at all.

    Args:
        found: What was found out.
        folder: Is there.

    Raises:
        OSError: a file cannot be written.
    """
    for language in LANGUAGES:
        title = message("search.title", source=found.name).text(language)
        body = "".join(_body(found, title, language))
        whole = page(title, body, style=STYLE, language=language)
        write_atomically(folder / FILES[language], whole.encode())
    text = json.dumps({"version": 1, **asdict(found)}, ensure_ascii=False, indent=1) + "\n"
    write_atomically(folder / RESULT_FILE, text.encode())


def headline(found: Search) -> Iterator[str]:
    """What came of it, a line a knob."""
    yield _lead(found, "en")
    for rank, knob in enumerate(found.knobs, start=1):
        yield f"{rank}. {knob.name}: {', '.join(_cells(knob, 'en')[1:4])}"
    yield _advice(found, "en")
    if found.advice is not None:
        yield ", ".join(f"{name} {value:.3g}" for name, value in found.advice.settings.items())


def _lead(found: Search, language: Language) -> str:
    solved, readable = (percent(count / found.n) for count in (found.solved, found.readable))
    return message("search.lead", n=found.n, solved=solved, readable=readable).text(language)


def _cells(knob: Knob, language: Language) -> list[str]:
    ends = (knob.values[0], knob.values[-1])
    ends = ends if knob.upwards else ends[::-1]
    turn = message("search.turn", low=f"{ends[0]:g}", high=f"{ends[1]:g}").text(language)
    low, high = knob.harm_interval
    if low <= 0:
        harm = message("search.uncertain").text(language)
    else:
        values = {"harm": percent(knob.harm), "low": percent(low), "high": percent(high)}
        harm = message("search.points", **values).text(language)
    return [knob.name, turn, harm, percent(knob.lost), f"{knob.per_lost:.1f}"]


def _advice(found: Search, language: Language) -> str:
    advice = found.advice
    if advice is None:
        return message("search.advice.none").text(language)
    low, high = map(percent, advice.interval)
    return message(
        "search.advice.lead",
        least=percent(LEAST_READABLE),
        rate=percent(advice.rate),
        right=advice.solved,
        n=advice.n,
        low=low,
        high=high,
        readable=advice.readable,
    ).text(language)


def _body(found: Search, title: str, language: Language) -> Iterator[str]:
    def say(key: str) -> str:
        return message(key).text(language)

    yield heading(title, 1)
    yield paragraph(_lead(found, language))
    yield heading(say("search.ranking"))
    heads = [say(f"column.{name}") for name in ("knob", "turn", "harm", "lost", "per_lost")]
    yield table(say("search.caption"), heads, [_cells(knob, language) for knob in found.knobs])
    yield paragraph(say("search.curves"), "small")
    for knob in found.knobs:
        plot = response(knob.name, knob.values, knob.solved, knob.legible)
        yield f'<div class="half">{plot}</div>\n'
    yield heading(say("search.advice"))
    yield paragraph(_advice(found, language))
    if found.advice is not None:
        rows = [[name, f"{value:.3g}"] for name, value in found.advice.settings.items()]
        yield table("", [say("column.knob"), say("column.value")], rows)
