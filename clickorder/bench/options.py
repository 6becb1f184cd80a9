"""How the options of `clickorder bench` are read."""

import re
from typing import TYPE_CHECKING

from clickorder.errors import UsageError

if TYPE_CHECKING:
    from clickorder.bench.load import Level

_REQUESTS = 200
_OPEN_SECONDS = 10.0
_MOST_LEVELS = 50


def levels_of(
    concurrency: str | None, rate: str | None, requests: int | None, seconds: float | None
) -> "list[Level]":
    """The loads, one after the other.

    Args:
        concurrency: Numbers of callers with commas between them; by default 1, 2, 4 and 8.
        rate: In its place, requests a second with commas between them.
        requests: Requests of each level.
        seconds: Seconds of each level.

    Raises:
        UsageError: both are given, or one is no list of numbers.
    """
    from clickorder.bench.load import MOST_AT_ONCE, Level

    if rate is not None and concurrency is not None:
        raise UsageError(
            "--concurrency is callers that wait for their answers, and --rate waits for none; give "
            "one of them."
        )
    if rate is not None:
        if requests is None and seconds is None:
            seconds = _OPEN_SECONDS
        rates = _numbers(rate, "--rate", r"\d{1,6}(\.\d+)?", 100_000, "10,20.5")
        return [Level(0, value, requests, seconds) for value in rates]
    if requests is None and seconds is None:
        requests = _REQUESTS
    callers = _numbers(concurrency or "1,2,4,8", "--concurrency", r"\d+", MOST_AT_ONCE, "1,2,4,8")
    return [Level(int(value), None, requests, seconds) for value in callers]


def _numbers(text: str, option: str, pattern: str, most: float, example: str) -> list[float]:
    """Numbers above 0 with commas between them."""
    parts = [part.strip() for part in text.split(",")]
    good = all(
        part.isascii() and re.fullmatch(pattern, part) and 0 < float(part) <= most for part in parts
    )
    if not good or len(parts) > _MOST_LEVELS:
        raise UsageError(
            f"{option} {text!r} is no list of numbers from above 0 to {most:,g}; write it as "
            f"{example}, with {_MOST_LEVELS} levels at most."
        )
    return [float(part) for part in parts]


def span_of(text: str, option: str) -> tuple[int, int]:
    """Fewest and most characters: `4`, or `4-6`.

    Args:
        text: As given.
        option: That it was given for, in the sentence of an error.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", text.strip())
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < low <= high:
        raise UsageError(f"{option} {text!r} is no number of characters; write it as 4, or 4-6.")
    return low, high


def size_of(text: str) -> tuple[int, int]:
    """Width and height in pixels: `160x60`.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,4})[xX×]([0-9]{1,4})", text.strip())
    if found is None or not int(found[1]) or not int(found[2]):
        raise UsageError(f"--size {text!r} is no size; write it as 160x60.")
    return int(found[1]), int(found[2])
