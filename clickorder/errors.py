"""Errors of the command line.

CommandError           exit status 1: what was asked for cannot be done
└── UsageError         exit status 2: what was asked for makes no sense
"""

from typing import ClassVar


class CommandError(Exception):
    """A command cannot do its work; `str(error)` is one sentence for the person who ran it."""

    exit_status: ClassVar[int] = 1


class UsageError(CommandError):
    """The options contradict each other, or cannot be read."""

    exit_status = 2
