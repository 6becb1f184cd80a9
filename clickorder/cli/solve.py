"""`clickorder solve`: solve one picture."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clickorder.cli.solver_options import (
    TWO_SOLVERS,
    BackendOption,
    DeviceOption,
    EffortOption,
    MinConfidenceOrSettings,
    settings_of,
)
from clickorder.errors import CommandError, UsageError


def solve(
    background: Annotated[
        Path | None, typer.Argument(help="The picture to click on.", show_default=False)
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option(help="The words to click, in order; commas part words too."),
    ] = None,
    icon: Annotated[
        list[Path] | None, typer.Option(help="A picture of each item to click, in order.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Picture of the whole prompt, read left to right.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="`x1,y1,x2,y2`: where in the background the prompt is; ends exclusive."),
    ] = None,
    puzzle: Annotated[
        str | None, typer.Option(help="`SET:ID`: a puzzle of a set, in place of all the above.")
    ] = None,
    min_confidence: MinConfidenceOrSettings = None,
    effort: EffortOption = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    url: Annotated[
        str | None, typer.Option(help="Ask the service there. [default: solve in this process]")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="For a service that wants one; in CLICKORDER_API_KEY fewer people see it."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Bundle of the service that is to answer.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Where the picture is from; bundles say what they serve.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="Which of the site's kinds of puzzle it is.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(help="Write the picture with boxes and clicks here.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the body that the service would answer.")
    ] = False,
) -> None:
    """Solve one picture: in this process, or with `--url` through a service.

    Give the background first, and exactly one of `--words`, `--icon`, `--image`, `--region`; or
    `--puzzle` alone, which also says whether the clicks are right.

    For example:

    - `clickorder solve captcha.png --words 并 细 什 --draw answer.png`
    - `clickorder solve captcha.png --words 并,细 --url http://127.0.0.1:8000`
    - `clickorder solve captcha.png --icon first.png second.png`
    - `clickorder solve captcha.png --region 0,160,344,200 --json`
    - `clickorder solve --puzzle benchmarks/puzzles/text-words:0001`
    """
    from clickorder.cli.question import Question, answer_lines

    if url is not None and (backend is not None or device is not None):
        raise UsageError(TWO_SOLVERS)
    where = {"model": model, "site": site, "type": type_}
    for option, value in ({"api-key": api_key} | where).items():
        if url is None and value is not None:
            raise UsageError(f"--{option} is for a service; give its --url too.")
    if puzzle is not None:
        if background or words or icon or image or region:
            raise UsageError(
                "--puzzle brings its own background and prompt; give nothing beside it."
            )
        question = Question.of_puzzle(puzzle)
    elif background is not None:
        question = Question.of_options(background, words, icon, image, region)
    else:
        raise UsageError("There is no picture; give the BACKGROUND, or --puzzle SET:ID.")

    # Only now: loading models takes its time, and a slip in the options should be told at once.
    from training.evaluation.failures import draw_answer
    from training.evaluation.scoring import read_reply, score_reply

    if url is not None:
        from clickorder.remote import RemoteSolver

        with RemoteSolver(
            url,
            api_key=api_key,
            min_confidence=min_confidence,
            effort=None if effort is None else effort.value,
            where=where,
        ) as service:
            body = service.solve(question.folder, question.background, question.prompt)
    else:
        from clickorder.local import LocalSolver

        settings = settings_of(backend=backend, device=device, effort=effort)
        least = settings.min_confidence if min_confidence is None else min_confidence
        solver = LocalSolver(settings, min_confidence=least)
        body = solver.solve(question.folder, question.background, question.prompt)
    reply = read_reply(body)
    if draw is not None:
        try:
            draw_answer(question.folder / question.background, reply).save(draw)
        except (OSError, ValueError) as error:
            raise CommandError(f"{draw} cannot be written ({error}).") from error
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False))
        return
    typer.echo("\n".join(answer_lines(body)))
    if question.truth is not None:
        cause = score_reply(question.truth, reply).cause
        typer.echo("Right." if cause is None else f"Wrong: {cause}.")
