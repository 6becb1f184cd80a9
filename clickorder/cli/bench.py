"""`clickorder bench`: how a running service stands load."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickorder.bench.live import live_bar
from clickorder.bench.options import levels_of, size_of, span_of
from clickorder.errors import CommandError, UsageError
from clickorder.terminal import report_os_errors
from clickorder.text_files import Pattern
from labels.console import show

if TYPE_CHECKING:
    from clickorder.bench.load import Bench, Level
    from clickorder.bench.pictures import BenchPicture

_PICTURES, _LOAD, _READING, _REPORT = "Pictures", "Load", "What the service is asked", "Report"

bench_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Stress tests of a service of your own that runs already: answers a second, their times, "
    "refusals, and how much is read right, under one load after the other.",
)


class Fold(StrEnum):
    """Case that labels and texts are folded to."""

    LOWER = "lower"
    UPPER = "upper"


@bench_app.callback()
def main() -> None:
    """Nothing to do before a command."""


@bench_app.command()
def text(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="Of the service, as `http://127.0.0.1:8000`; only it is called."
        ),
    ],
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PICTURES...",
            help="Folders or files of labelled pictures. [default: drawn by the captcha package]",
            show_default=False,
        ),
    ] = None,
    synthetic: Annotated[
        bool,
        typer.Option(
            "--synthetic",
            help="Draw pictures; it is what happens without PICTURES.",
            rich_help_panel=_PICTURES,
        ),
    ] = False,
    charset: Annotated[
        str | None,
        typer.Option(
            help="Of drawn texts: `numeric`, `lower`, `upper`, `alphabet`, `alphanumeric`, several "
            "joined by `+`, a file, or the characters. [default: numeric+upper]",
            show_default=False,
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    length: Annotated[
        str | None,
        typer.Option(help="Of drawn texts: 4, or 4-6. [default: 4]", rich_help_panel=_PICTURES),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH", help="Of drawn pictures. [default: 160x60]", rich_help_panel=_PICTURES
        ),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            min=1,
            max=100_000,
            help="Different pictures: drawn, or at most taken of PICTURES; they come in turn.",
            rich_help_panel=_PICTURES,
        ),
    ] = 500,
    seed: Annotated[
        int, typer.Option(min=0, help="Another one, other pictures.", rich_help_panel=_PICTURES)
    ] = 0,
    pattern: Pattern = None,
    unlabelled: Annotated[
        bool,
        typer.Option(
            "--unlabelled", help="Names are no labels; only time it.", rich_help_panel=_PICTURES
        ),
    ] = False,
    fold: Annotated[
        Fold | None,
        typer.Option(
            help="Compare labels and texts in this case. [default: as they are]",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option(
            help="Callers that wait for their answers, a level each: 1,2,4,8. [default: 1,2,4,8]",
            show_default=False,
            rich_help_panel=_LOAD,
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            help="In place of --concurrency: requests a second, whatever the answers take, a level "
            "each: 10,20. Times count from when a request was due.",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of each level. [default: 200; with --rate, those of 10 seconds]",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Of each level; with --requests, what ends first.", rich_help_panel=_LOAD
        ),
    ] = None,
    warm_up: Annotated[
        int,
        typer.Option(
            min=0, help="Requests before each level that do not count.", rich_help_panel=_LOAD
        ),
    ] = 10,
    timeout: Annotated[
        float,
        typer.Option(min=0.01, help="Seconds for a whole answer.", rich_help_panel=_LOAD),
    ] = 30.0,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            "--key",
            help="For a service that wants one; in CLICKORDER_API_KEY fewer people see it.",
            rich_help_panel=_READING,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Bundle that is to answer.", rich_help_panel=_READING),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="Where the pictures are from.", rich_help_panel=_READING),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Which of the site's kinds.", rich_help_panel=_READING),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            "--colour",
            help="Read only the characters of this colour: `red`, `#cc2030`.",
            rich_help_panel=_READING,
        ),
    ] = None,
    read_charset: Annotated[
        str | None,
        typer.Option(help="Characters, or a preset, that may occur.", rich_help_panel=_READING),
    ] = None,
    read_length: Annotated[
        str | None,
        typer.Option(help="How many characters there are: 4, or 4-6.", rich_help_panel=_READING),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the report; one that has a report already is refused.",
            rich_help_panel=_REPORT,
        ),
    ] = Path("bench-text"),
    max_errors: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Percent of all requests that may fail or be refused; beyond that exit status 1.",
            rich_help_panel=_REPORT,
        ),
    ] = 1.0,
    allow_refusals: Annotated[
        bool,
        typer.Option(
            "--allow-refusals",
            help="Refusals (429, and 503 for a full queue) are no failures.",
            rich_help_panel=_REPORT,
        ),
    ] = False,
) -> None:
    """Put load on `POST /read` of a running service and measure what becomes of it.

    Every level reads the same pictures in the same order; nothing is tried again, no redirect is
    followed, and no more than 500 requests are under way at a time (further ones wait, and their
    time runs). Ctrl-C ends the test; what was measured by then is written.

    Writes to --out: *requests.csv*, a line for each request; *summary.json*; and *latency.png*,
    boxes of quartiles with whiskers at the 5th and the 95th percentile. Only answers have a
    latency: refusals and errors are counted apart.

    Exit status: 1 where more than --max-errors failed, or nobody answers; 2 for options that make
    no sense; 130 after Ctrl-C.

    For example:

    - `clickorder bench text http://127.0.0.1:8000 pictures --concurrency 1,4,16 --requests 500`
    - `clickorder bench text http://127.0.0.1:8000 --synthetic --charset numeric --rate 20,40,80`
    """
    from rich.console import Console

    from classifier.charsets import LabelRule
    from clickorder.bench.load import Asked, Bench
    from clickorder.bench.report import explain, refuse_former, write_report
    from clickorder.bench.results import Summary, machine, tables, without_secrets
    from clickorder.client.errors import BadArgumentError, ClientError

    levels = levels_of(concurrency, rate, requests, seconds)
    expected = None if read_length is None else span_of(read_length, "--read-length")
    for option, value in {"charset": charset, "length": length, "size": size}.items():
        if pictures and value is not None:
            raise UsageError(f"--{option} is of drawn pictures, and PICTURES are given; drop one.")
    if pictures and synthetic:
        raise UsageError("--synthetic draws pictures, and PICTURES are given; drop one of them.")
    refuse_former(out)
    try:
        # Before pictures are drawn: a slip in the URL should be told at once.
        Bench(url, [], api_key=api_key)
        shown = without_secrets(url)
    except BadArgumentError as error:
        raise UsageError(str(error)) from error
    chosen = _chosen(pictures, charset, length, size, count, seed, pattern, unlabelled=unlabelled)
    where = {"model": model, "site": site, "type": type_}
    asked = [
        Asked.of(
            each.name,
            each.label,
            each.content,
            charset=read_charset,
            length=expected,
            color=color,
            where={name: value for name, value in where.items() if value is not None},
        )
        for each in chosen
    ]
    bench = Bench(
        url,
        asked,
        api_key=api_key,
        timeout_s=timeout,
        rule=LabelRule(fold=fold.value) if fold else None,
    )
    began, interrupted = datetime.now(UTC), False
    try:
        asyncio.run(_run(bench, levels, warm_up, out))
    except KeyboardInterrupt:
        interrupted = True
    except ClientError as error:
        raise CommandError(str(error).replace(bench.url, shown)) from error
    summaries = [Summary.of(result) for result in bench.results]
    if not any(summary.requests for summary in summaries):
        typer.echo("Interrupted before anything was measured; nothing is written.", err=True)
        raise typer.Exit(130)
    console = Console()
    for table in tables(summaries):
        show(console, table)
    explain(bench, summaries, shown)
    about = {
        "url": shown,
        "began": began.isoformat(timespec="milliseconds"),
        "machine": machine(),
        "interrupted": interrupted,
        "pictures": len(asked),
        "asked": {"charset": read_charset, "length": expected, "color": color, **where},
        "timeout_s": timeout,
        "warm_up": warm_up,
        "fold": fold.value if fold else None,
    }
    write_report(out, bench, summaries, about)
    sent = sum(summary.requests for summary in summaries)
    failed = sum(summary.failed for summary in summaries)
    failed += 0 if allow_refusals else sum(summary.turned_away for summary in summaries)
    too_many = 100 * failed > max_errors * sent
    if too_many:
        typer.echo(
            f"clickorder: {failed} of {sent} requests failed ({failed / sent:.1%}), and "
            f"--max-errors allows {max_errors:g} %; ask less, or allow more.",
            err=True,
        )
    if interrupted or too_many:
        raise typer.Exit(130 if interrupted else 1)


async def _run(bench: "Bench", levels: "Sequence[Level]", warm_up: int, out: Path) -> None:
    async with bench:
        await bench.probe()
        # Not at the end: what an hour has measured needs a place, and a typing slip leaves none.
        with report_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        for level in levels:
            await bench.warm_up(level, warm_up)
            with live_bar(level) as told:
                await bench.measure(level, told)


def _chosen(
    pictures: Sequence[Path] | None,
    charset: str | None,
    length: str | None,
    size: str | None,
    count: int,
    seed: int,
    pattern: str | None,
    *,
    unlabelled: bool,
) -> "list[BenchPicture]":
    from classifier.errors import CharacterSetError
    from clickorder.bench.pictures import drawn_pictures, own_pictures
    from labels.errors import LayoutError

    try:
        if pictures:
            return own_pictures(pictures, pattern, labelled=not unlabelled, count=count, seed=seed)
        lengths, sides = span_of(length or "4", "--length"), size_of(size or "160x60")
        chosen = drawn_pictures(charset or "numeric+upper", lengths, sides, count=count, seed=seed)
    except (CharacterSetError, LayoutError) as error:
        raise UsageError(str(error)) from error
    return [replace(each, label=None) for each in chosen] if unlabelled else chosen
