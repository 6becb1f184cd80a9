"""The report of a load test: its files, and what the figures alone do not say."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from clickorder.bench.load import Bench
from clickorder.bench.results import Summary, requests_csv, summary_json
from clickorder.errors import UsageError
from clickorder.terminal import report_os_errors
from labels.atomic import write_atomically

REQUESTS_FILE, SUMMARY_FILE, PLOT_FILE = "requests.csv", "summary.json", "latency.png"

_LATE_MS = 50.0
"""Delay of requests from which this machine is part of what was measured."""


def refuse_former(out: Path) -> None:
    """Refuse a folder that has a report already.

    Raises:
        UsageError: it has one, or is a file.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give a folder with --out.")
    for name in (REQUESTS_FILE, SUMMARY_FILE, PLOT_FILE):
        if (out / name).exists():
            raise UsageError(
                f"{out / name} is there already, of a former test; give another folder with --out."
            )


def explain(bench: Bench, summaries: Sequence[Summary], shown: str) -> None:
    """Write to stderr what the figures alone do not say.

    Args:
        bench: The load test.
        summaries: Summaries of its levels, at least one.
        shown: URL of the service without secrets.
    """
    for sentence in list(bench.examples.values())[:5]:
        told = sentence.replace(bench.url, shown)
        typer.echo("For example: " + re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", told)[:300], err=True)
    worst = max(summaries, key=lambda one: one.late_ms)
    if worst.late_ms > _LATE_MS:
        typer.echo(
            f"At {worst.name} requests left up to {worst.late_ms:.0f} ms after they were due: this "
            "machine, or the limit of requests under way, is part of what was measured.",
            err=True,
        )


def write_report(
    out: Path, bench: Bench, summaries: Sequence[Summary], about: Mapping[str, object]
) -> None:
    """Write all files, in a folder beside `out` where another test was quicker.

    Args:
        out: Folder of the report.
        bench: The load test.
        summaries: Summaries of its levels.
        about: What was asked of which service, for the summary.
    """
    files = {
        REQUESTS_FILE: requests_csv(bench.results),
        SUMMARY_FILE: summary_json(summaries, bench.results, about),
    }
    try:
        from clickorder.bench.plot import draw_boxes

        files[PLOT_FILE] = draw_boxes(bench.results, str(about["url"]), str(about["machine"]))
    except ImportError as error:
        typer.echo(
            f"No {PLOT_FILE}: drawing needs a package that is not installed ({error.name}); "
            'install it with pip install -e ".[plot]".',
            err=True,
        )
    place, number = out, 1
    while any((place / name).exists() for name in files):
        number += 1
        place = out.with_name(f"{out.resolve().name}-{number}")
    with report_os_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(place / name, content)
    typer.echo(f"Written: {', '.join(str(place / name) for name in files)}")
