"""A check of labelled pictures of text as tables for a terminal and as JSON for scripts."""

from collections.abc import Sequence

from rich.table import Table

from labels.console import cell
from labels.fault_report import add_counts, advice_on_the_rest, faults_json
from labels.quarantine import Change
from labels.text_check import MOVABLE, MOVED, TextReport

_SHOWN_SIZES = 5


def text_tables(report: TextReport) -> list[Table]:
    """The pictures in a few lines, and the faults by kind."""
    summary = Table(show_header=False)
    sizes = [f"{count} of {w} x {h}" for (w, h), count in report.sizes.items()]
    more = f", and {len(sizes) - _SHOWN_SIZES} sizes more" if len(sizes) > _SHOWN_SIZES else ""
    summary.add_row("labelled pictures", str(len(report.pictures)))
    summary.add_row(
        "sizes", ", ".join(sizes[:_SHOWN_SIZES]) + more + (" (all alike)" * (len(sizes) == 1))
    )
    lengths = (f"{count} of {length}" for length, count in report.lengths.items())
    summary.add_row("lengths of labels", ", ".join(lengths))
    characters = "".join(report.characters)
    summary.add_row(f"characters ({len(characters)})", cell(characters))
    faults = add_counts(Table("fault", "count"), report.by_kind)
    return [summary, faults] if report.faults else [summary]


def text_check_json(report: TextReport, changes: Sequence[Change] = ()) -> dict[str, object]:
    """All of a check.

    Args:
        report: What was found.
        changes: What `--fix` has done before.
    """
    return {
        "pictures": len(report.pictures),
        "sizes": [{"width": w, "height": h, "count": n} for (w, h), n in report.sizes.items()],
        "lengths": {str(length): count for length, count in report.lengths.items()},
        "characters": dict(report.characters),
        **faults_json(report.faults, report.by_kind, changes),
    }


def text_left_to_the_user(report: TextReport) -> list[str]:
    """A sentence on how to have moved what `--fix` alone leaves; none where there is nothing."""
    return advice_on_the_rest(report.by_kind, MOVABLE, MOVED)
