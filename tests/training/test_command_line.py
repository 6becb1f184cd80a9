"""Flags made of options: what was given, what is refused, and help for each of them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from pydantic import Field
from pydantic.dataclasses import dataclass
from typer.testing import CliRunner

from training.command_line import Given, errors_as_sentences, flags_of
from training.core.options import NO_FLAG, Flag
from training.detector.cli import app as detector_app
from training.errors import TrainingError
from training.matcher.cli import classifier_app, siamese_app
from training.text.cli import app as text_app


@dataclass(frozen=True, slots=True)
class Options:
    data: Annotated[tuple[Path, ...], Field(description="Folders."), Flag(kind="argument")] = ()
    steps: Annotated[int, Field(ge=1, description="Steps.")] = 2
    start: Annotated[str, Field(description="Weights."), Flag("--from")] = "shipped"
    head: Annotated[Literal["a", "b"], Field(description="Head.")] = "a"
    grey: Annotated[bool, Field(description="Grey."), Flag("--grey/--colour")] = True
    width: Annotated[int, Field(description="Width."), NO_FLAG] = 8


def run(*arguments: str) -> tuple[Any, Given]:
    app, seen = typer.Typer(), {}

    @app.command()
    @flags_of(Options)
    def command(given: Given) -> None:
        """Does something."""
        seen.update(given)
        with errors_as_sentences("Stopped."):
            if given.get("head") == "b":
                raise TrainingError("There is no b here.")
            if given.get("steps") == 99:
                raise KeyboardInterrupt

    return CliRunner().invoke(app, arguments), seen


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], {}),
        (["--steps", "2"], {"steps": 2}),
        (["a", "b"], {"data": [Path("a"), Path("b")]}),
        (["--from", "x", "--colour"], {"start": "x", "grey": False}),
    ],
    ids=["nothing", "a-default", "argument", "named"],
)
def test_only_what_was_given(arguments: list[str], given: Given) -> None:
    result, seen = run(*arguments)
    assert result.exit_code == 0, result.output
    assert seen == given


@pytest.mark.parametrize(
    "arguments", [["--steps", "0"], ["--width", "9"], ["--start", "x"]], ids=lambda a: a[0]
)
def test_refused(arguments: list[str]) -> None:
    assert run(*arguments)[0].exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [(["--head", "b"], 2, "There is no b here."), (["--steps", "99"], 130, "Stopped.")],
    ids=["error", "interrupt"],
)
def test_errors_are_sentences(arguments: list[str], code: int, sentence: str) -> None:
    result, _ = run(*arguments)
    assert (result.exit_code, result.stderr) == (code, sentence + "\n")


@pytest.mark.parametrize(
    "app",
    [detector_app, siamese_app, classifier_app, text_app],
    ids=["detector", "siamese", "classifier", "text"],
)
def test_every_option_says_what_it_is(app: typer.Typer) -> None:
    parameters = typer.main.get_command(app).params
    assert len(parameters) > 20
    for parameter in parameters:
        if parameter.name != "help":
            assert str(getattr(parameter, "help", "")).endswith((".", "]")), parameter.name
