"""A check and a split as tables for a terminal and as JSON for scripts."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from labels.check import MOVABLE, MOVED, Report
from labels.console import cell
from labels.fault_report import add_counts, advice_on_the_rest, faults_json
from labels.quarantine import Change
from labels.split import PARTS, Split

_SHOWN_CLASSES = 20


def check_tables(report: Report) -> list[Table]:
    """The folder in a few lines, the classes with their counts, the faults by kind."""
    annotations = report.annotations
    counts = annotations.counts
    summary = Table(show_header=False)
    summary.add_row("layout", annotations.layout.value)
    summary.add_row("labelled pictures", str(len(annotations.pictures)))
    summary.add_row("pictures without label", str(len(annotations.unlabelled)))
    summary.add_row("boxes", str(sum(len(picture.boxes) for picture in annotations.pictures)))
    summary.add_row("classes", str(len(annotations.classes)))
    summary.add_row(f"charset ({len(report.charset)})", cell(report.charset))
    classes = Table("class", "count", title="Classes", title_justify="left")
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    # The rarest are as telling as the most frequent.
    cut = len(shown) > _SHOWN_CLASSES
    half = _SHOWN_CLASSES // 2
    for name, count in shown[:half] if cut else shown:
        classes.add_row(cell(name), str(count))
    if cut:
        classes.add_row(f"... {len(shown) - 2 * half} more ...", "")
        for name, count in shown[-half:]:
            classes.add_row(cell(name), str(count))
    faults = add_counts(
        Table("fault", "count", title="Faults", title_justify="left"), report.by_kind
    )
    tables = [summary]
    if counts:
        tables.append(classes)
    return [*tables, faults] if report.faults else tables


def check_json(report: Report, changes: Sequence[Change] = ()) -> dict[str, object]:
    """All of a check; paths are relative to the folder.

    Args:
        report: What was found.
        changes: What `--fix` has done before.
    """
    annotations = report.annotations

    def name(fault_file: object) -> str:
        text, root = str(fault_file), str(annotations.folder)
        return text.removeprefix(root).lstrip("/\\") or "."

    return {
        "folder": str(annotations.folder),
        "layout": annotations.layout.value,
        "pictures": len(annotations.pictures),
        "unlabelled": len(annotations.unlabelled),
        "boxes": sum(len(picture.boxes) for picture in annotations.pictures),
        "classes": dict(annotations.counts),
        "charset": report.charset,
        **faults_json(report.faults, report.by_kind, changes, name),
    }


def split_table(report: Report, split: Split) -> Table:
    """Pictures and classes of each part."""
    by_path = {picture.path: picture for picture in report.annotations.pictures}
    table = Table("part", "pictures", "share", "classes")
    total = len(split.parts) or 1
    sizes = Counter(split.parts.values())
    for part in PARTS:
        names: set[str | None] = set()
        for path in split.of(part):
            picture = by_path[path]
            names |= {picture.label, *(box.label for box in picture.boxes)}
        table.add_row(
            part, str(sizes[part]), f"{sizes[part] / total:.1%}", str(len(names - {None}))
        )
    return table


def left_to_the_user(report: Report) -> list[str]:
    """A sentence on how to have moved what `--fix` alone leaves; none where there is nothing."""
    return advice_on_the_rest(report.by_kind, MOVABLE, MOVED)
