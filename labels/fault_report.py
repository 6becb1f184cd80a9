"""Faults and changes of a check, as every check of labels reports them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from rich.table import Table

from labels.quarantine import Change

K = TypeVar("K", bound=StrEnum)


class AnyFault(Protocol):
    """One thing that is wrong with labels of any kind."""

    @property
    def kind(self) -> StrEnum:
        """Kind of the fault."""
        ...

    @property
    def file(self) -> Path:
        """The file that has it."""
        ...

    @property
    def line(self) -> int | None:
        """Number of the line from 1; None where the fault is of the whole file."""
        ...

    @property
    def sentence(self) -> str:
        """What a person reads."""
        ...


def add_counts(table: Table, by_kind: Mapping[K, int]) -> Table:
    """The table with a row for each kind of fault."""
    for kind, count in by_kind.items():
        table.add_row(kind.value, str(count))
    return table


def faults_json(
    faults: Sequence[AnyFault],
    by_kind: Mapping[K, int],
    changes: Sequence[Change],
    name: Callable[[Path], str] = str,
) -> dict[str, object]:
    """The faults and what `--fix` has done before, for scripts.

    Args:
        faults: What was found.
        by_kind: Number of faults of each kind.
        changes: What was done.
        name: How the path of a file is written.
    """
    return {
        "moved": len(changes),
        "changes": [
            {"file": str(one.file), "kept": str(one.kept), "lines": one.lines} for one in changes
        ],
        "fault_counts": {kind.value: count for kind, count in by_kind.items()},
        "faults": [
            {
                "kind": fault.kind.value,
                "file": name(fault.file),
                "line": fault.line,
                "sentence": fault.sentence,
            }
            for fault in faults
        ],
    }


def advice_on_the_rest(
    kinds: Collection[StrEnum], movable: Collection[StrEnum], moved: Collection[StrEnum]
) -> list[str]:
    """A sentence on how to move what `--fix` alone leaves; none where there is nothing.

    Args:
        kinds: Kinds of fault that were found.
        movable: Those that moving a file can mend.
        moved: Those that `--fix` moves without being asked.
    """
    kept = [kind for kind in kinds if kind in movable and kind not in moved]
    if not kept:
        return []
    options = " ".join(f"--also {kind.value}" for kind in kept)
    return [f"--fix leaves {', '.join(kept)} to you; it moves them too with {options}."]
