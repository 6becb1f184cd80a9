"""The report of `clickorder adapt`: one page of HTML that needs nothing beside it."""

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from labels.atomic import write_atomically
from training.adapt.advice import advise, missed, mixed_up, number_of, percent, quoted
from training.adapt.record import Adaptation, Compared, Share, Stage
from training.core.run_folder import METRICS_FILE, RunFolder
from training.evaluation.charts import Bar, Series, bar_chart, line_chart
from training.evaluation.evaluate import Outcome
from training.evaluation.failure_pictures import drawn_inline, worst_first
from training.evaluation.failures import Lettering
from training.evaluation.page import page, table, text

MOST_FAILURES = 12

_MOST_LISTED = 200
"""Number of faults, and of classes, that the page lists."""

_CAUSES = {
    "item-count": "The items of the prompt were counted wrong",
    "not-detected": "An item was not found",
    "wrong-item": "A wrong item was clicked",
    "declined": "The models declined to answer",
    "error": "There was no answer",
}

_LOSSES = {
    "loss_box": "boxes",
    "loss_class": "item or not",
    "loss_distance": "edges",
    "loss_match": "partner in the batch",
    "loss_pair": "same or not",
    "loss_symbol": "name",
}

_MEASURES = {
    "ap50": "AP at IoU 0.5",
    "ap75": "AP at IoU 0.75",
    "scenes_found": "every item found",
    "strips_right": "prompts counted right",
    "match": "matched by picture",
    "words": "named, told the words",
    "top1": "named, told nothing",
}
"""Names of metrics in the trainers' logs, and as the page shows them; all 0..1."""

_STYLE = """
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
h3 { margin: 1.4rem 0 .2rem; } th, td { padding: .35rem .8rem .35rem 0; }
.doubt { background: var(--soft); border-left: 4px solid var(--after); padding: .5rem .8rem; }
.bars { max-width: 32rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 1rem; }
.chart figcaption { font-weight: 600; } .chart p { margin: 0; }
.key { display: inline-block; margin-right: 1rem; font-size: .85rem; }
.key svg { display: inline-block; width: 26px; height: 10px; margin-right: .35rem; }
.failure { border-top: 1px solid var(--line); padding: 1rem 0; }
.failure img { max-width: 100%; height: auto; display: block; margin-bottom: .4rem; }
.failure ol { display: flex; flex-wrap: wrap; gap: 0 1.6rem; margin: .2rem 0; padding: 0;
  list-style-position: inside; }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; }
details { margin: .6rem 0; } li { margin: .2rem 0; }
"""


def write_report(record: Adaptation, path: Path) -> None:
    """Write the report, whole or not at all.

    Args:
        record: Results of the adaptation. Curves are read from its run folders, failures are drawn
            from the pictures of its puzzles; where either is gone, the report says so.
        path: Path of the HTML file.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    whole = page(f"Adapted to {record.folder.name}", "".join(_body(record)), style=_STYLE)
    # A file name that is no UTF-8 must not cost the report.
    write_atomically(path, whole.encode("utf-8", "replace"))


def headline(record: Adaptation) -> str:
    """The main result in one sentence without a full stop."""
    if not record.compared or not record.compared[0].after.n:
        return "No picture was held back, so nobody knows what was gained"
    first = record.compared[0]
    kept_for = "held-back" if record.parts.get("test") else "validation"
    thing = "picture" if first.name == "solved" else "item"
    sentence = (
        f"{percent(first.after.rate)} of {number_of(first.after.n, f'{kept_for} {thing}')}, "
        f"{percent(first.before.rate)} before"
    )
    name = first.name[:1].upper() + first.name[1:]
    return f"{name} {sentence}" if first.name == "solved" else f"{name}: {sentence}"


def verdict(compared: Compared) -> str:
    """Whether two shares differ by more than chance explains, by their 95 % intervals."""
    before, after = compared.before, compared.after
    if before.interval[1] < after.interval[0]:
        return "The 95 % intervals do not overlap: better, by more than chance explains."
    if after.interval[1] < before.interval[0]:
        return "The 95 % intervals do not overlap: worse, by more than chance explains."
    seen = "No difference was seen" if before.rate == after.rate else "It is not certain"
    better = "" if before.rate == after.rate else " which is better"
    return f"{seen}{better}: the 95 % intervals overlap, too few held-back pictures to be sure."


def _body(record: Adaptation) -> Iterator[str]:
    yield f"<h1>{text(headline(record))}</h1>\n"
    yield from _comparison(record)
    yield "<h2>What to label next</h2>\n"
    yield _list(advise(record))
    yield from _data(record)
    yield from _trainings(record.stages)
    yield from _failures(record.outcomes)
    yield from _use(record)


def _comparison(record: Adaptation) -> Iterator[str]:
    compared = [one for one in record.compared if one.after.n]
    if compared:
        yield f'<p class="doubt">{text(verdict(compared[0]))}</p>\n'
    if record.stages and not any(stage.kept for stage in record.stages):
        yield (
            "<p>No newly trained model was taken: the bundle has the models that were started "
            "from.</p>\n"
        )
    if not compared:
        return
    yield '<div class="bars">\n'
    yield bar_chart(
        [(one.name, [_bar("before", one.before), _bar("after", one.after)]) for one in compared]
    )
    yield "</div>\n"
    rows = [(one.name, _told(one.before), _told(one.after)) for one in compared]
    yield table(
        "On the same held-back pictures; in brackets Wilson 95 % intervals",
        ("Measure", "Before", "After"),
        rows,
    )


def _bar(label: str, share: Share) -> Bar:
    told = f"{percent(share.rate)} ({share.right} of {share.n})"
    return Bar(label, share.rate, share.interval, told, label)


def _told(share: Share) -> str:
    low, high = share.interval
    return f"{share.right} of {share.n}: {percent(share.rate)} ({percent(low)} to {percent(high)})"


def _data(record: Adaptation) -> Iterator[str]:
    yield "<h2>What it learned from</h2>\n"
    roles = {
        "train": "learned from",
        "validation": "to decide whether new weights are better",
        "test": "held back to measure before and after",
    }
    yield f"<p><code>{text(str(record.folder))}</code>, read as {text(record.kind)}.</p>\n"
    yield table(
        "Labelled pictures",
        ("Part", "Pictures", "What for"),
        [(part, f"{n:,}", roles.get(part, "")) for part, n in record.parts.items()],
    )
    if record.stages:
        yield table(
            "What each model saw",
            ("Model", "Own", "Generated, mixed in"),
            [
                (
                    stage.name,
                    f"{stage.pictures:,}",
                    f"{stage.generated:,}" if stage.generated else "none",
                )
                for stage in record.stages
            ],
        )
    yield _list(record.notes)
    if counts := record.class_counts:
        often = f"{min(counts.values()):,} to {max(counts.values()):,}"
        yield _folded(
            f"{number_of(len(counts), 'class')}, labelled {often} times each",
            [
                f"{quoted(name)[1:-1]}: {n:,}"
                for name, n in sorted(counts.items(), key=lambda item: (item[1], item[0]))
            ],
        )
    if record.faults:
        yield _folded(f"{number_of(len(record.faults), 'fault')} in the labels", record.faults)


def _trainings(stages: Sequence[Stage]) -> Iterator[str]:
    yield "<h2>Training</h2>\n"
    if not stages:
        yield "<p>Nothing was trained.</p>\n"
    for stage in stages:
        kept = "In the bundle" if stage.kept else "Not in the bundle"
        yield (
            f"<h3>{text(stage.name.capitalize())}</h3>\n"
            f"<p>{kept}: {text(stage.why)}. It took {_duration(stage.seconds)}.</p>\n"
        )
        yield _curves(stage)


def _curves(stage: Stage) -> str:
    file = stage.run / METRICS_FILE
    try:
        rows = RunFolder(stage.run).metrics()
    except (OSError, ValueError) as error:
        return f"<p>No curves: {text(str(file))} cannot be read ({text(str(error))}).</p>\n"
    panels = {"Loss": (_LOSSES, 0.0), "Validation": (_MEASURES, 1.0)}
    charts = [
        line_chart(f"{title}, {stage.name}", series, ceiling=ceiling)
        for title, (names, ceiling) in panels.items()
        if (series := _series(rows, names))
    ]
    if charts:
        return f'<div class="charts">\n{"".join(charts)}</div>\n'
    why = "has no losses and measures" if file.is_file() else "is missing"
    return f"<p>No curves: {text(str(file))} {why}.</p>\n"


def _series(rows: Iterable[Mapping[str, object]], names: Mapping[str, str]) -> list[Series]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for row in rows:
        step = _finite(row.get("step"))
        for name, points in found.items():
            value = _finite(row.get(name))
            if step is not None and value is not None:
                points.append((step, value))
    return [Series(names[name], tuple(sorted(points))) for name, points in found.items() if points]


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "<h2>Worst failures</h2>\n"
    failed = worst_first(outcomes)
    if not outcomes:
        yield "<p>These labels are no puzzles, so there are no answers to show.</p>\n"
        return
    if not failed:
        yield f"<p>None: all {number_of(len(outcomes), 'held-back picture')} solved.</p>\n"
        return
    shown = failed[:MOST_FAILURES]
    some = f"; here are the {len(shown)} worst" if len(shown) < len(failed) else ""
    yield (
        f"<p>{len(failed)} of {number_of(len(outcomes), 'held-back picture')} failed{some}, wrong "
        "answers of the highest confidence first. Green: truth, numbered in click order. Blue: "
        "detected boxes with their scores. Red: clicks.</p>\n"
    )
    lettering = Lettering.find()
    for outcome in shown:
        yield _failure(outcome, lettering)


def _failure(outcome: Outcome, lettering: Lettering) -> str:
    puzzle, reply = outcome.puzzle, outcome.reply
    cause = _CAUSES.get(outcome.score.cause or "", "It was not solved")
    name = quoted(puzzle.id)[1:-1]
    words = [quoted(word)[1:-1] for word in puzzle.words]
    picture = drawn_inline(outcome, lettering)
    alt = f"{name}: boxes and clicks on the picture. {cause}. Asked for {', '.join(words)}."
    shown = (
        f'<img src="{picture}" alt="{text(alt)}">\n'
        if picture is not None
        else f"<p>Its pictures in {text(str(outcome.folder))} cannot be read any more.</p>\n"
    )
    asked = "".join(f"<li>{text(word)}</li>" for word in words)
    return (
        f'<figure class="failure">\n{shown}<figcaption><strong>{cause}</strong>'
        f"{text(_detail(outcome))}. Confidence {reply.confidence:.2f}, "
        f'<span class="small">{text(name)}</span>. Asked for:\n<ol>{asked}</ol>'
        "</figcaption>\n</figure>\n"
    )


def _detail(outcome: Outcome) -> str:
    """What exactly was wrong, as far as it can be told."""
    match outcome.score.cause:
        case "not-detected":
            told = [quoted(word) for word in missed(outcome)]
        case "wrong-item":
            told = [
                f"{'another item' if clicked is None else quoted(clicked)} for {quoted(asked)}"
                for asked, clicked in mixed_up(outcome)
            ]
        case "item-count":
            clicks, targets = len(outcome.reply.clicks), len(outcome.puzzle.targets)
            told = [f"{number_of(clicks, 'click')} for {number_of(targets, 'target')}"]
        case "declined":
            told = ["the clicks would have been right"] if outcome.score.correct else []
        case _:
            told = [outcome.reply.problem] if outcome.reply.problem else []
    return f": {', '.join(told)}" if told else ""


def _use(record: Adaptation) -> Iterator[str]:
    bundle = f"CLICKORDER_MODELS_DIR={shlex.quote(str(record.bundle.resolve()))}"
    yield (
        "<h2>Use it</h2>\n<p>Serve the bundle, or put other puzzles to it; puzzles that it has "
        "learned from say nothing about it.</p>\n"
        f"<pre><code>{text(bundle)} clickorder serve\n"
        f"{text(bundle)} clickorder evaluate OTHER-PUZZLES --failures failed</code></pre>\n"
    )
    if record.versions:
        yield table("Models in the bundle", ("Role", "Model"), [*record.versions.items()])
    yield f"<p>{_duration(record.seconds)} in all on {text(record.hardware)}.</p>\n"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _folded(summary: str, lines: Sequence[str]) -> str:
    left = len(lines) - _MOST_LISTED
    more = [f"and {left:,} more"] if left > 0 else []
    return (
        f"<details><summary>{text(summary)}</summary>\n"
        f"{_list([*lines[:_MOST_LISTED], *more])}</details>\n"
    )


def _list(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{_sentence(sentence)}</li>\n" for sentence in sentences)
    return f"<ul>\n{items}</ul>\n" if items else ""


def _sentence(sentence: str) -> str:
    """Escaped, with what stands between backticks as code."""
    parts = text(sentence).split("`")
    if len(parts) % 2 == 0:  # one that has no partner is none of ours
        return text(sentence)
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
