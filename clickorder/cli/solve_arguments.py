"""How `clickorder solve` reads its line: several words, or pictures, may follow one option.

    clickorder solve background.png --words 并 细 什 --draw out.png

Options take one value each elsewhere. Here `--words` and `--icon` take every plain argument up to
the next option, but only where the background stands before them: otherwise nobody could tell the
last word from the background, and `--words 并 background.png` means what it always did.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from clickorder.errors import UsageError

_LISTS = ("--words", "--icon")


class SolveCommand(TyperCommand):
    """Repeats an option for each of the values behind it, before the line is read as usual."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the line.

        Raises:
            UsageError: it has more than one background.
        """
        flags = {
            name
            for param in self.params
            if getattr(param, "is_flag", False)
            for name in (*param.opts, *param.secondary_opts)
        }
        return super().parse_args(ctx, spell_out(args, {*flags, *ctx.help_option_names}))


def spell_out(arguments: Sequence[str], flags: set[str]) -> list[str]:
    """The line with one value behind each option.

    Args:
        arguments: As given.
        flags: Options that take no value.

    Raises:
        UsageError: there is more than one background, or what stands where it should is no file.
    """
    line: list[str] = []
    backgrounds: list[str] = []
    list_option = ""  # The last option, where it takes several values.
    last_list = ""
    doubtful = ""  # A background that may have been meant as a value.
    for kind, argument in _kinds(arguments, flags):
        if kind == "option":
            list_option = argument.partition("=")[0]
            list_option = list_option if list_option in _LISTS else ""
            last_list = list_option or last_list
        elif kind == "plain" and list_option and backgrounds and not doubtful:
            line.append(list_option)
        elif kind == "plain":
            doubtful = argument if list_option else doubtful
            backgrounds.append(argument)
        line.append(argument)
    if len(backgrounds) > 1:
        raise UsageError(_two_backgrounds(backgrounds, last_list))
    if doubtful and not Path(doubtful).exists():
        raise UsageError(
            f"There is no picture {doubtful}; the background goes before {last_list}: clickorder "
            f"solve BACKGROUND {last_list} ... {doubtful}."
        )
    return line


def _kinds(arguments: Sequence[str], flags: set[str]) -> Iterator[tuple[str, str]]:
    """Each argument with what it is: an `option`, the `value` of one, or `plain`."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            yield "option", argument
            for plain in rest:
                yield "plain", plain
        elif len(argument) > 1 and argument.startswith("-"):
            yield "option", argument
            if "=" not in argument and argument not in flags:
                value = next(rest, None)
                if value is not None:
                    yield "value", value
        else:
            yield "plain", argument


def _two_backgrounds(plain: Sequence[str], option: str) -> str:
    if option:
        return (
            f"{plain[0]} and {plain[1]} both stand where the background does; give the background "
            f"before {option}, and what belongs to {option} right behind it."
        )
    return (
        f"{plain[0]} and {plain[1]} are two backgrounds, and only one is solved; words to click "
        "go behind --words."
    )
