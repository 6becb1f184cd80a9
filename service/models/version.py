"""Versions of bundles: those that are served, and the folders that are not."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from service.models.bundle import EVERYTHING, Serves
from service.solving.solver import Solver


@dataclass(frozen=True, slots=True)
class Version:
    """Models that are loaded and have passed their self-test.

    Attributes:
        name: Name of the bundle.
        version: Version of the bundle; empty for the default models.
        solver: Safe to share between threads.
        serves: Which requests it answers when none is named.
        default: Whether it answers what no other bundle serves.
        digest: Digest of the manifest; empty for the default models.
        folder: Where it came from; None for the default models.
        loaded: Seconds since 1970.
    """

    name: str
    version: str
    solver: Solver
    serves: Serves = EVERYTHING
    default: bool = False
    digest: str = ""
    folder: Path | None = None
    loaded: float = field(default_factory=time.time)

    @property
    def models(self) -> dict[str, str]:
        """Role to name and version of the models; `bundle` too, unless it is the default."""
        bundle = {"bundle": f"{self.name} {self.version}"} if self.version else {}
        return bundle | dict(self.solver.models)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A folder that is not served, or not as it is now.

    Attributes:
        folder: Its name.
        name: Name of the bundle, where the manifest could be read.
        version: The same.
        reason: One sentence.
    """

    folder: str
    name: str | None
    version: str | None
    reason: str


def sort_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts numbers as numbers, words before them, 1.0 before 1.0.1."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.split(r"[._-]", version)
    )
