"""What a stress test says: figures of each level, tables of them, CSV and JSON."""

import csv
import io
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from clickorder.bench.load import LevelResult, Sample
from training.evaluation.statistics import wilson_interval

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "level",
    "callers",
    "rate",
    "due_s",
    "sent_s",
    "latency_ms",
    "failed_after_ms",
    "status",
    "error",
    "picture",
    "label",
    "text",
    "right",
    "confidence",
    "bytes",
)
"""Columns of the CSV. Time to a failure has its own: it is no latency of an answer."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one level.

    Attributes:
        name: Name of the level.
        requests: How many came to an end.
        answered: How many were given a text.
        refused: HTTP status, 429 or 503, to how many the service had no room for.
        errors: Code to how many failed otherwise.
        seconds: How long the level took.
        latencies_ms: Name of a quantile to milliseconds of the answers; empty without answers.
        late_ms: 99 % of the requests were sent within this time after they were due.
        right: Answers that are the label.
        labelled: Answers to pictures with a label.
        interrupted: Whether the level was ended early.
    """

    name: str
    requests: int
    answered: int
    refused: Mapping[int, int]
    errors: Mapping[str, int]
    seconds: float
    latencies_ms: Mapping[str, float]
    late_ms: float
    right: int
    labelled: int
    interrupted: bool

    @classmethod
    def of(cls, result: LevelResult) -> "Summary":
        """The summary of a level's samples."""
        samples = result.samples
        taken = [sample.taken_ms for sample in samples if sample.answered]
        late = [sample.sent_s - sample.due_s for sample in samples]
        known = [sample.right for sample in samples if sample.right is not None]
        failed = [sample for sample in samples if not sample.answered]
        return cls(
            name=result.level.name,
            requests=len(samples),
            answered=len(taken),
            refused=Counter(sample.status for sample in failed if sample.refused),
            errors=Counter(plain_code(sample) for sample in failed if not sample.refused),
            seconds=result.seconds,
            latencies_ms=(
                {name: float(np.quantile(taken, q)) for name, q in QUANTILES.items()}
                if taken
                else {}
            ),
            late_ms=1e3 * float(np.quantile(late, 0.99)) if late else 0.0,
            right=sum(known),
            labelled=len(known),
            interrupted=result.interrupted,
        )

    @property
    def answers_per_s(self) -> float:
        """Texts a second."""
        return self.answered / self.seconds if self.seconds > 0 else 0.0

    @property
    def failed(self) -> int:
        """Errors, without refusals."""
        return sum(self.errors.values())

    @property
    def turned_away(self) -> int:
        """Refusals."""
        return sum(self.refused.values())

    def as_json(self) -> dict[str, Any]:
        """For the summary."""
        low, high = wilson_interval(self.right, self.labelled)
        return {
            "level": self.name,
            "requests": self.requests,
            "answered": self.answered,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "errors": dict(sorted(self.errors.items())),
            "seconds": round(self.seconds, 3),
            "answers_per_s": round(self.answers_per_s, 3),
            "latency_ms": {name: round(value, 3) for name, value in self.latencies_ms.items()},
            "sent_late_p99_ms": round(self.late_ms, 3),
            "pictures_right": {
                "right": self.right,
                "of": self.labelled,
                "share": self.right / self.labelled,
                "wilson_95": [low, high],
            }
            if self.labelled
            else None,
            "interrupted": self.interrupted,
        }


def plain_code(sample: Sample) -> str:
    """Why a request failed, in letters that are safe on a terminal: it may come from anybody."""
    code = re.sub(r"[^\w.-]+", "_", sample.code, flags=re.ASCII)[:40]
    return f"{code} ({sample.status})" if sample.status else code


def tables(summaries: Sequence[Summary]) -> "list[Table]":
    """What is shown at the end."""
    from rich.table import Table

    from labels.console import cell

    counts = Table("load", title="Requests", title_justify="left")
    for heading in ("sent", "answered", "429", "503", "errors", "answers/s"):
        counts.add_column(heading, justify="right")
    times = Table("load", title="Answers: milliseconds, and what they say", title_justify="left")
    for heading in (*QUANTILES, "right"):
        times.add_column(heading, justify="right")
    for one in summaries:
        name = f"{one.name} (ended early)" if one.interrupted else one.name
        counts.add_row(
            cell(name),
            str(one.requests),
            str(one.answered),
            *(str(one.refused.get(status, 0)) for status in (429, 503)),
            "\n".join(f"{count} {code}" for code, count in sorted(one.errors.items())) or "0",
            f"{one.answers_per_s:.1f}",
        )
        values = (one.latencies_ms.get(quantile) for quantile in QUANTILES)
        times.add_row(
            cell(name), *("-" if value is None else f"{value:.1f}" for value in values), _right(one)
        )
    return [counts, times]


def _right(one: Summary) -> str:
    if not one.labelled:
        return "-"
    low, high = wilson_interval(one.right, one.labelled)
    return f"{one.right / one.labelled:.1%} ({100 * low:.1f}-{100 * high:.1f})"


def requests_csv(results: Sequence[LevelResult]) -> bytes:
    """A line for each request, UTF-8, with `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, result in enumerate(results, start=1):
        level = result.level
        ahead = (number, level.callers or "", "" if level.rate is None else f"{level.rate:g}")
        for sample in result.samples:
            taken = f"{sample.taken_ms:.3f}"
            writer.writerow(
                (
                    *ahead,
                    f"{sample.due_s:.6f}",
                    f"{sample.sent_s:.6f}",
                    taken if sample.answered else "",
                    "" if sample.answered else taken,
                    sample.status or "",
                    sample.code,
                    sample.picture,
                    _or_empty(sample.label),
                    _or_empty(sample.text),
                    "" if sample.right is None else int(sample.right),
                    _or_empty(sample.confidence),
                    sample.size,
                )
            )
    # A file name that is not UTF-8 has halves of characters in it.
    return text.getvalue().encode("utf-8", "backslashreplace")


def summary_json(
    summaries: Sequence[Summary], results: Sequence[LevelResult], about: Mapping[str, Any]
) -> bytes:
    """All figures, and what was measured."""
    levels = [
        {**one.as_json(), "began": result.began.isoformat(timespec="milliseconds")}
        for one, result in zip(summaries, results, strict=True)
    ]
    document = {**about, "levels": levels}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def without_secrets(url: str) -> str:
    """A URL as it may stand on a picture: without a password, a query, a fragment."""
    address = httpx.URL(url)
    return f"{address.scheme}://{address.netloc.decode('ascii')}{address.path.rstrip('/')}"


def machine() -> str:
    """What the callers ran on: processor and cores."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # Not Linux.
    return f"{name}, {os.cpu_count()} cores"


def _or_empty(value: object) -> object:
    return "" if value is None else value
