"""Faults of a validator or its answers: what was counted, how likely by chance, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clickorder.audit.messages import Message, message

ALPHA = 0.001
"""Chance of one false alarm or more in all checks together of a sound CAPTCHA."""

MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: Its name; `check.NAME`, `evidence.NAME` and `repair.NAME` are its messages.
        count: Cases that speak for the fault.
        tried: Number of trials.
        is_large: Whether the effect matters, however certain it is.
        p_value: Chance of at least this evidence in a sound CAPTCHA; None where the fault was seen
            itself and nothing is left to chance.
        puzzles: Ids of some of the puzzles concerned.
        values: For the evidence, beside `count` and `tried`.
        corrected: The p-value after Holm's correction over all checks.
    """

    check: str
    count: int
    tried: int
    is_large: bool
    p_value: float | None = None
    puzzles: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    corrected: float | None = None

    @property
    def is_fault(self) -> bool:
        """Whether it is reported as a fault."""
        return self.is_large and (self.corrected is None or self.corrected <= ALPHA)

    @property
    def title(self) -> Message:
        """What is wrong, without a full stop."""
        return message(f"check.{self.check}")

    @property
    def evidence(self) -> Message:
        """What was counted."""
        return message(f"evidence.{self.check}", count=self.count, tried=self.tried, **self.values)

    @property
    def repair(self) -> Message:
        """What to change."""
        return message(f"repair.{self.check}")


def decide(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with corrected p-values (S. Holm, Scand. J. Statist. 6, 1979).

    Every check counts, whether its effect is large or not.
    """
    order = sorted(
        (index for index, one in enumerate(findings) if one.p_value is not None),
        key=lambda index: findings[index].p_value or 0.0,
    )
    decided = list(findings)
    least = 0.0
    for rank, index in enumerate(order):
        p_value = decided[index].p_value or 0.0
        least = max(least, min(1.0, (len(order) - rank) * p_value))
        decided[index] = replace(decided[index], corrected=least)
    return tuple(decided)
