"""The report of `clickorder audit`: one page of HTML in each language that needs nothing beside."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from clickorder.audit.attack import SECONDS_PER_ACTION, TRIES
from clickorder.audit.explanation import Third
from clickorder.audit.findings import ALPHA
from clickorder.audit.grade import Grade, deviation_of, number
from clickorder.audit.messages import LANGUAGES, Language, Message, message, percent
from clickorder.audit.plots import Span, curve, forest
from clickorder.audit.record import Audit
from labels.atomic import write_atomically
from training.evaluation.evaluate import Outcome, Summary
from training.evaluation.failure_pictures import drawn_inline, worst_first
from training.evaluation.failures import Lettering
from training.evaluation.page import heading, items, page, paragraph, table, text

MOST_FAILURES = 8

FILES: dict[Language, str] = {"en": "report.html", "zh": "report.zh.html"}

STYLE = """
:root { --bad: #b3361c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff9a80; } }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { margin: 1.2rem 0 .2rem; } th, td { padding: .3rem .9rem .3rem 0; }
.verdict { display: flex; gap: 1.2rem; align-items: flex-start; background: var(--soft);
  border-radius: .5rem; padding: 1rem; }
.letter { font-size: 3.4rem; font-weight: 700; line-height: 1; min-width: 4rem;
  text-align: center; }
.D, .E { color: var(--bad); } .verdict ul { margin: .3rem 0 0; padding-left: 1.1rem; }
.half { max-width: 34rem; } .failures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
.failures img { max-width: 100%; height: auto; display: block; }
li { margin: .25rem 0; } .language { float: right; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } h2 { break-after: avoid; }
  .verdict, figure, tr { break-inside: avoid; } .language { display: none; } }
"""
"""CSS of the audit's pages."""


def write_reports(audit: Audit, grade: Grade, folder: Path) -> None:
    """Write `report.html` and `report.zh.html`, each whole or not at all.

    Args:
        audit: Failures are drawn from its puzzles' pictures; where they are gone, the page says so.
        grade: Its grade.
        folder: Where to.

    Raises:
        OSError: they cannot be written.
    """
    lettering = Lettering.find()
    shown = worst_first(audit.outcomes)[:MOST_FAILURES]
    pictures = [(one, drawn_inline(one, lettering)) for one in shown]
    for language in LANGUAGES:
        html = Report(audit, grade, language, pictures).html()
        write_atomically(folder / FILES[language], html.encode("utf-8", "replace"))


class Report:
    """The page in one language.

    Args:
        audit: What was found out.
        grade: Its grade.
        language: Language of the page.
        failures: The outcomes that are shown, with their pictures as data URIs.
    """

    def __init__(
        self,
        audit: Audit,
        grade: Grade,
        language: Language,
        failures: Sequence[tuple[Outcome, str | None]],
    ) -> None:
        self._audit, self._grade, self._language = audit, grade, language
        self._failures = failures

    def html(self) -> str:
        """The whole page."""
        title = self._say("title", source=self._audit.source)
        return page(title, "".join(self._body(title)), style=STYLE, language=self._language)

    def _say(self, key: str, **values: object) -> str:
        return Message(key, values).text(self._language)

    def _told(self, sentences: Sequence[Message]) -> list[str]:
        return [sentence.text(self._language) for sentence in sentences]

    def _body(self, title: str) -> Iterator[str]:
        other: Language = "zh" if self._language == "en" else "en"
        yield (
            f'<a class="language" lang="{other}" href="{FILES[other]}">'
            f"{text(self._say('language'))}</a>\n"
        )
        yield heading(title, 1)
        yield self._verdict()
        if self._grade.advice:
            yield heading(self._say("advice"))
            yield items(self._told(self._grade.advice), ordered=True)
        yield from self._rates()
        yield from self._faults()
        yield from self._attack()
        yield from self._adapted()
        yield from self._people()
        yield from self._properties()
        yield from self._worst()
        audit = self._audit
        minutes = audit.seconds / 60
        footer = self._say("footer", n=audit.overall.n, minutes=minutes, hardware=audit.hardware)
        yield paragraph(footer, "small")

    def _verdict(self) -> str:
        letter = self._grade.letter
        told = headline(self._grade, self._language)
        return (
            f'<section class="verdict"><div class="letter {letter}" aria-hidden="true">{letter}'
            f"</div><div><strong>{text(told)}</strong>\n{items(self._told(self._grade.reasons))}"
            "</div></section>\n"
        )

    def _rates(self) -> Iterator[str]:
        audit = self._audit
        yield heading(self._say("section.rate"))
        rows = [self._rate_row(self._say("all"), audit.overall)]
        rows += [self._rate_row(self._say(f"kind.{kind.group}"), kind) for kind in audit.kinds]
        rows += [self._rate_row(family.group, family) for family in audit.families]
        models = ", ".join(audit.models.values()) or "?"
        heads = [self._say(f"column.{name}") for name in ("group", "solved", "causes")]
        yield table(self._say("section.rate.caption", models=models), heads, rows)

    def _rate_row(self, name: str, group: Summary) -> list[str]:
        causes = [
            f"{self._say(f'cause.{cause}')}: {count}"
            for cause, count in sorted(group.failures.items(), key=lambda item: -item[1])
            if count
        ]
        return [name, self._rate(group.solved, group.n, group.interval), "; ".join(causes)]

    def _rate(self, right: int, n: int, interval: tuple[float, float]) -> str:
        low, high = map(percent, interval)
        return self._say("rate", rate=percent(right / n), right=right, n=n, low=low, high=high)

    def _faults(self) -> Iterator[str]:
        audit = self._audit
        yield heading(self._say("section.faults"))
        if not audit.has_validator:
            yield paragraph(self._say("faults.no_validator"))
        if not audit.faults:
            yield paragraph(self._say("faults.none", n=len(audit.findings)))
        heads = [self._say(f"column.{n}") for n in ("check", "verdict", "p", "evidence")]
        rows = []
        for finding in sorted(audit.findings, key=lambda one: not one.is_fault):
            p_value = finding.corrected
            evidence = finding.evidence.text(self._language)
            if finding.is_fault and finding.puzzles:
                ids = ", ".join(finding.puzzles)
                evidence = f"{evidence} {self._say('faults.concerned', ids=ids)}"
            rows.append(
                [
                    finding.title.text(self._language),
                    self._say("verdict.fault" if finding.is_fault else "verdict.sound"),
                    "" if p_value is None else f"{p_value:.2g}",
                    evidence,
                ]
            )
        yield table(self._say("faults.caption", alpha=ALPHA), heads, rows)

    def _attack(self) -> Iterator[str]:
        attack = self._audit.attack
        yield heading(self._say("section.attack"))
        rows = [
            [percent(point.coverage), percent(point.right), f"{hundred:.0f}", f"{hour:.1f}"]
            for point, hundred, hour in zip(
                attack.points, attack.per_hundred, attack.per_hour, strict=True
            )
        ]
        heads = [self._say(f"column.{n}") for n in ("answered", "right", "hundred", "hour")]
        yield table(self._say("attack.caption", tries=attack.tries_per_hour), heads, rows)
        yield heading(self._say("attack.curve"), 3)
        points = [(point.coverage, point.right) for point in attack.curve]
        plot = curve(points, self._say("attack.curve.x"), self._say("attack.curve.y"))
        yield f'<div class="half">{plot}</div>\n'
        yield items(
            [
                self._say("attack.passes", tries=tries, chance=percent(chance))
                for tries, chance in zip(TRIES, attack.passes, strict=True)
            ]
        )
        per_thousand = attack.cost_per_thousand
        values = {"seconds": attack.seconds, "cpu": attack.cpu_seconds}
        if per_thousand is None:
            yield paragraph(self._say("attack.cost.none", **values))
            return
        values["hours"] = 1000 * attack.cpu_seconds / attack.points[0].right / 3600
        cost = f"{per_thousand:.3g}"
        yield paragraph(self._say("attack.cost", cost=cost, price=attack.price, **values))

    def _adapted(self) -> Iterator[str]:
        rows = self._audit.adapted
        yield heading(self._say("section.adapted"))
        if rows is None:
            yield paragraph(self._say("adapted.quick"))
            return
        if not rows:
            yield paragraph(self._say("adapted.few", n=self._audit.overall.n))
            return
        heads = [self._say(f"column.{n}") for n in ("labels", "solved", "work", "training")]
        shown = [
            [
                str(row.labels),
                self._rate(row.solved, row.n, row.interval),
                f"{row.work_minutes:.0f}",
                f"{row.training_minutes:.0f}",
            ]
            for row in rows
        ]
        caption = self._say("adapted.caption", n=rows[0].n, action=SECONDS_PER_ACTION)
        yield table(caption, heads, shown)
        if len(rows) > 1:
            plot = curve(
                [(row.labels, row.rate) for row in rows],
                self._say("column.labels"),
                self._say("column.solved"),
                intervals=[row.interval for row in rows],
                most=rows[-1].labels,
            )
            yield f'<div class="half">{plot}</div>\n'

    def _people(self) -> Iterator[str]:
        people = self._audit.people
        yield heading(self._say("section.people"))
        if people is None:
            yield paragraph(self._say("people.none"))
            return
        low, high = map(percent, people.interval)
        inputs = [
            self._say("input.count", way=self._say(f"input.{way}"), n=count)
            for way, count in people.inputs.items()
        ]
        told = self._say(
            "people.told",
            rate=percent(people.rate),
            right=people.solved,
            n=people.n,
            low=low,
            high=high,
            seconds=people.seconds,
            inputs=", ".join(inputs),
            machine=self._audit.attack.seconds,
        )
        yield paragraph(told)

    def _properties(self) -> Iterator[str]:
        audit, explanation = self._audit, self._audit.explanation
        yield heading(self._say("section.properties"))
        if explanation is None:
            yield paragraph(self._say("properties.none"))
        else:
            yield paragraph(self._say("properties.effects"))
            spans = [
                Span(
                    self._say(f"property.{effect.name}"),
                    effect.log_odds,
                    effect.interval,
                    f"{math.exp(effect.log_odds):.2f} "
                    f"({deviation_of(effect.name, effect.deviation).text(self._language)})",
                    effect.is_certain,
                )
                for effect in explanation.effects
            ]
            yield f'<div class="half">{forest(spans)}</div>\n'
            yield paragraph(self._say("properties.auc", auc=explanation.auc))
            if not any(effect.is_certain for effect in explanation.effects):
                yield paragraph(self._say("properties.uncertain"))
        if audit.thirds:
            heads = [self._say(f"column.{n}") for n in ("property", "little", "medium", "much")]
            rows = [self._thirds(name, parts) for name, parts in audit.thirds.items()]
            yield table(self._say("properties.thirds"), heads, rows)

    def _thirds(self, name: str, parts: Sequence[Third]) -> list[str]:
        told = [
            f"{percent(part.solved / part.n)} "
            f"[{number(part.low)}–{number(part.high)}, n = {part.n}]"
            for part in parts
        ]
        # Where many values are the same there are fewer parts: the ends stay the ends.
        cells = told if len(told) == 3 else [told[0], "", *told[1:]] if len(told) == 2 else told
        title = f"{self._say(f'property.{name}')} ({self._say(f'unit.{name}')})"
        return [title, *cells, *[""] * (3 - len(cells))]

    def _worst(self) -> Iterator[str]:
        yield heading(self._say("section.failures"))
        if not self._failures:
            yield paragraph(self._say("failures.none"))
            return
        yield paragraph(self._say("failures.caption", n=len(self._failures)), "small")
        yield '<div class="failures">\n'
        for outcome, picture in self._failures:
            puzzle = outcome.puzzle
            cause = self._say(f"cause.{outcome.score.cause}")
            asked = self._say("failures.asked", words=", ".join(puzzle.words))
            alt = text(f"{puzzle.id}: {cause}; {asked}")
            shown = (
                f'<img src="{picture}" alt="{alt}">'
                if picture
                else paragraph(self._say("failures.gone"))
            )
            yield f"<figure>{shown}<figcaption>{alt}</figcaption></figure>\n"
        yield "</div>\n"


def headline(grade: Grade, language: Language = "en") -> str:
    """What came of it, in one sentence without a full stop."""
    verdict = message(f"grade.{grade.letter}")
    return message("grade", letter=grade.letter, verdict=verdict).text(language)
