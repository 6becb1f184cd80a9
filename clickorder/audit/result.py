"""The numbers of an audit as JSON, as `audit.schema.json` describes them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from clickorder.audit.attack import TRIES
from clickorder.audit.findings import Finding
from clickorder.audit.grade import Grade, strongest_rate
from clickorder.audit.messages import Message
from clickorder.audit.record import Audit
from labels.atomic import write_atomically
from training.evaluation.evaluate import Summary

RESULT_FILE = "audit.json"
SCHEMA = Path(__file__).with_name("audit.schema.json")
VERSION = 1
"""Grows when a reader of an older one would misread it."""


def write_result(audit: Audit, grade: Grade, folder: Path) -> None:
    """Write `audit.json`, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(as_json(audit, grade), ensure_ascii=False, indent=1) + "\n"
    write_atomically(folder / RESULT_FILE, text.encode())


def as_json(audit: Audit, grade: Grade) -> dict[str, object]:
    """Everything measured, ready for `json.dumps`."""
    attack = audit.attack
    return {
        "version": VERSION,
        "source": audit.source,
        "models": dict(audit.models),
        "grade": grade.letter,
        "success_rate": strongest_rate(audit),
        "reasons": _told(grade.reasons),
        "advice": _told(grade.advice),
        "overall": _group(audit.overall),
        "families": [_group(group) for group in audit.families],
        "kinds": [_group(group) for group in audit.kinds],
        "explanation": None if audit.explanation is None else asdict(audit.explanation),
        "thirds": {name: [asdict(t) for t in parts] for name, parts in audit.thirds.items()},
        "attack": {
            "points": [asdict(point) for point in attack.points],
            "curve": [asdict(point) for point in attack.curve],
            "per_hundred": attack.per_hundred,
            "per_hour": attack.per_hour,
            "passes": {str(t): c for t, c in zip(TRIES, attack.passes, strict=True)},
            "tries_per_hour": attack.tries_per_hour,
            "seconds": attack.seconds,
            "cpu_seconds": attack.cpu_seconds,
            "cost_per_thousand": attack.cost_per_thousand,
            "price": attack.price,
        },
        "adapted": None if audit.adapted is None else [asdict(row) for row in audit.adapted],
        "people": None if audit.people is None else asdict(audit.people),
        "has_validator": audit.has_validator,
        "findings": [_finding(finding) for finding in audit.findings],
        "puzzles": [
            {
                "id": outcome.puzzle.id,
                "family": outcome.puzzle.family,
                "kind": outcome.puzzle.kind,
                "solved": outcome.score.solved,
                "cause": outcome.score.cause,
                "confidence": outcome.reply.confidence,
                "properties": dict(measured),
            }
            for outcome, measured in zip(audit.outcomes, audit.measured, strict=True)
        ],
        "seconds": audit.seconds,
        "hardware": audit.hardware,
    }


def _told(sentences: Sequence[Message]) -> list[dict[str, str]]:
    return [{"key": sentence.key, "text": sentence.text()} for sentence in sentences]


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "fault": finding.is_fault,
        "count": finding.count,
        "tried": finding.tried,
        "p_value": finding.p_value,
        "corrected": finding.corrected,
        "puzzles": finding.puzzles,
        "title": finding.title.text(),
        "evidence": finding.evidence.text(),
        "repair": finding.repair.text(),
    }


def _group(group: Summary) -> dict[str, object]:
    return {
        "group": group.group,
        "n": group.n,
        "solved": group.solved,
        "rate": group.solve_rate,
        "interval": group.interval,
        "failures": dict(group.failures),
    }
