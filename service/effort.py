"""How much work an answer is worth: when a second pass follows the first."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Effort: TypeAlias = Literal["fast", "normal", "thorough"]

_THOROUGH = 0.99
"""Confidence from which on no second pass follows, whatever the effort."""

_SECOND_PASS_COST = 4.0
"""Time of a second pass relative to the first one: four more runs of the detector, four views of
every crop. Where less is left, none is begun."""


class OutOfTimeError(Exception):
    """There is no time left for this pass; the answer of the pass before it holds."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on one answer.

    Attributes:
        effort: `fast` is one pass; `normal` takes a second one where the first is not sure, and
            `thorough` wherever it is not nearly certain.
        until: Reading of `time.perf_counter` by which the answer is wanted; None for no hurry.
    """

    effort: Effort = "normal"
    until: float | None = None

    def again(self, certainty: float, sure: float, spent_s: float) -> bool:
        """Whether a second pass is to follow.

        Args:
            certainty: How certain the first pass is, 0..1.
            sure: From which on the first pass is enough, as calibrated.
            spent_s: What the first pass took.
        """
        if self.effort == "fast":
            return False
        enough = max(sure, _THOROUGH) if self.effort == "thorough" else sure
        return certainty < enough and self._left() > _SECOND_PASS_COST * spent_s

    def guarded(self, check: Callable[[], None]) -> Callable[[], None]:
        """The check of a second pass: that of the request, and that there is time left.

        The check returned raises `OutOfTimeError`, and what `check` raises.
        """

        def both() -> None:
            check()
            if self._left() <= 0:
                raise OutOfTimeError

        return both

    def _left(self) -> float:
        return float("inf") if self.until is None else self.until - time.perf_counter()
