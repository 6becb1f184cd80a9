"""What an audit found out; the report and the JSON are written from this."""

from collections.abc import Mapping
from dataclasses import dataclass

from clickorder.audit.attack import Adapted, Attack
from clickorder.audit.explanation import Explanation, Third
from clickorder.audit.findings import Finding
from clickorder.audit.people import People
from training.evaluation.evaluate import Outcome, Summary


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything known of one set.

    Attributes:
        source: Name of the set.
        models: Role to name and version of what solved.
        overall: All puzzles.
        families: Each family; empty where there is but one.
        kinds: Each kind of prompt; empty where there is but one.
        outcomes: Puzzle by puzzle.
        measured: Property to value, puzzle by puzzle.
        thirds: Property to the solve rates of its thirds.
        explanation: None where there is nothing to explain, or too little to explain it by.
        attack: What the answers are worth.
        adapted: After training; None where that was left out, empty where there were too few.
        findings: Every check of the answers and the validator.
        has_validator: Whether what clicks pass was checked, too.
        people: How people did; None where nobody was asked.
        seconds: What all of it took.
        hardware: Where it ran.
    """

    source: str
    models: Mapping[str, str]
    overall: Summary
    families: tuple[Summary, ...]
    kinds: tuple[Summary, ...]
    outcomes: tuple[Outcome, ...]
    measured: tuple[Mapping[str, float], ...]
    thirds: Mapping[str, tuple[Third, ...]]
    explanation: Explanation | None
    attack: Attack
    adapted: tuple[Adapted, ...] | None
    findings: tuple[Finding, ...]
    has_validator: bool
    people: People | None
    seconds: float
    hardware: str

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are faults."""
        return tuple(finding for finding in self.findings if finding.is_fault)
