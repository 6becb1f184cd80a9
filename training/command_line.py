"""What the commands of the trainers share: flags made of options, and errors as sentences."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from pydantic.fields import FieldInfo

from training.core.options import Flag, limits_of, metadata_of
from training.errors import TrainingError

Given = dict[str, Any]
"""The options that were given on the command line, by name."""


def flags_of(*models: type) -> Callable[[Callable[[Given], None]], Callable[..., None]]:
    """Give a command a flag for each field of some options, see `training.core.options`.

    Args:
        models: Pydantic dataclasses; a name stands in one of them only.

    Returns:
        A decorator for a function of the options that were given.
    """
    parameters = [_parameter(model, field) for model in models for field in fields(model)]
    flags = [parameter for parameter in parameters if parameter is not None]

    def decorated(function: Callable[[Given], None]) -> Callable[..., None]:
        def command(context: typer.Context, **values: Any) -> None:
            sources = {name: context.get_parameter_source(name) for name in values}
            function(
                {
                    name: values[name]
                    for name, source in sources.items()
                    if source is not None and source.name != "DEFAULT"
                }
            )

        context = inspect.Parameter(
            "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__signature__ = inspect.Signature([context, *flags])  # type: ignore[attr-defined]
        command.__annotations__ = {flag.name: flag.annotation for flag in (context, *flags)}
        return command

    return decorated


def _parameter(model: type, field: Any) -> inspect.Parameter | None:
    """The flag or argument of a field, as typer reads it."""
    metadata = metadata_of(model, field.name)
    flag = next((one for one in metadata if isinstance(one, Flag)), Flag())
    if flag.kind == "none":
        return None
    info = next(one for one in metadata if isinstance(one, FieldInfo))
    default = None if field.default is MISSING else field.default
    annotation: Any = get_type_hints(model)[field.name]
    if get_origin(annotation) is Literal:
        annotation = str
    elif get_origin(annotation) is tuple:
        annotation, default = list[get_args(annotation)[0]] | None, None  # type: ignore[misc]
    least, most = limits_of(model, field.name)
    told: dict[str, Any] = {
        "help": info.description,
        "metavar": flag.metavar or None,
        "rich_help_panel": flag.panel or None,
        "show_default": flag.default or default not in (None, ""),
        "min": least,
        "max": most,
    }
    value = (
        typer.Argument(default, **told)
        if flag.kind == "argument"
        else typer.Option(default, *([flag.name] if flag.name else []), **told)
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotation
    )


@contextmanager
def errors_as_sentences(stopped: str) -> Iterator[None]:
    """End the command with one sentence on stderr where it fails for a reason of ours.

    Args:
        stopped: What is said after Ctrl-C.

    Raises:
        typer.Exit: with 2 after an error, and 130 after Ctrl-C.
    """
    try:
        from classifier.errors import ClassifierError
        from labels.errors import LabelsError
        from modelfile import ModelFileError
        from training.synthetic.errors import SyntheticError

        try:
            yield
        except (
            TrainingError, LabelsError, SyntheticError, ModelFileError, ClassifierError
        ) as error:  # fmt: skip
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from error
    except ImportError as error:
        typer.echo(
            f"Training needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".',
            err=True,
        )
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo(stopped, err=True)
        raise typer.Exit(130) from error
