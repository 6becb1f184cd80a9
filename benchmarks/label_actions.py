"""The time to label, as actions: what a person still touches after `clickorder labels`.

    python benchmarks/label_actions.py benchmarks/puzzles/* --limit 40 --json actions.json

The labels of puzzle sets are hidden. Then each family goes the way of the README in a temporary
folder, through the functions behind the commands: `prelabel`, a review, `crop`, `group`. The review
and the names are an oracle's, who knows the truth and does what a careful person would do. Its
actions are counted.

**By hand**, every item costs one action for its box and one for its name. Items that are not asked
for have no name in a set: a box only. A prompt that lies in the picture itself has items too, named
by their order.

**With the tools**, boxes: a missing one is drawn (1), one that lies on nothing is deleted (1), one
that lies on an item with an IoU below 0.5 is adjusted (1), any other is left (0). Of all ways to
pair boxes with items, the one that costs least counts.

Names: a right one is left (0), a wrong one is corrected in the review (1); both decide in which
folder `crop` puts the item, so `group` does not see it. Items that have no name yet, drawn ones
among them, are grouped. A group costs one action for its folder, which is renamed to what most of
its crops show, and one for each other crop in it, which is moved to where it belongs. A crop that
is like no other costs one. A folder whose crops mostly have no name in the set must be put aside,
which is one action too, and such a crop in a named folder must be moved out, even though it may
show the very same thing: the set does not say, so the tools get the worse of both. A name that
`prelabel` gives to such an item is counted as `unjudged` and costs nothing.

What is not counted, by hand or with tools: looking at a picture, and going to the next. Nor is how
long an action takes: drawing a box takes a person longer than deleting one.

The interval is a bootstrap over pictures. The action for a folder is shared among the crops that it
names; groups are not formed anew for each resample.

Names given to folders are those of crops, which train the classifier; the label files of the
pictures keep `item`, which is all that the detector needs.
"""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.label_oracle import Purity, Review, naming_costs, purity_of, review, single_cost
from clickorder.terminal import progress_bar, through
from labels.annotations import ITEM, LabelledBox, LabelledPicture
from labels.crops import crop_pictures
from labels.errors import LabelsError, LayoutError
from labels.groups import SINGLE, Embed, Grouper, group_folders, pictures_in
from labels.prelabel import Prelabeller, Proposer
from labels.puzzle_annotations import copy_new, read_puzzle_annotations
from labels.puzzles import Puzzle, PuzzleSet, read_puzzles
from labels.reading import read_annotations
from labels.yolo import (
    CLASSES_FILE,
    label_file_of,
    read_class_list,
    write_classes,
    write_yolo_labels,
)

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Tally:
    """One picture.

    Attributes:
        hand_boxes: Boxes to draw by hand.
        hand_names: Names to give by hand.
        review: What its review took.
        sorting: Its share of the actions that name groups and move crops.
    """

    hand_boxes: int
    hand_names: int
    review: Review
    sorting: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One family.

    Attributes:
        title: In the table.
        tallies: A picture each.
        purity: Purity of its groups.
    """

    title: str
    tallies: tuple[Tally, ...]
    purity: Purity


# The commands


def measure(
    title: str,
    pictures: Sequence[LabelledPicture],
    proposer: Callable[[Sequence[str]], Proposer],
    embed: Embed,
    *,
    folder: Path,
    known_names: bool,
) -> Measured:
    """Send the pictures of one family the way from `prelabel` to named groups.

    Args:
        title: Title of the family.
        pictures: With their truth.
        proposer: Makes the models of `prelabel` for a list of names.
        embed: The model of `group`.
        folder: Where the set lies.
        known_names: Whether `prelabel` is told all names with `--names`.

    Raises:
        LabelsError: a picture cannot be read.
    """
    with TemporaryDirectory() as temporary:
        work, crops, out = (Path(temporary) / name for name in ("pictures", "crops", "groups"))
        for picture in pictures:
            copy_new(picture.path, work / picture.path.relative_to(folder))
        every = sorted({box.label for picture in pictures for box in picture.boxes} - {ITEM})
        prelabeller = Prelabeller(work, names=every if known_names else ())
        run = prelabeller.run(proposer(prelabeller.names))
        proposed: dict[Path, tuple[LabelledBox, ...]] = {}
        for outcome in through(f"{title}: proposing", run, len(pictures)):
            if outcome.proposal is None:
                raise LayoutError(outcome.fault or f"{outcome.path} has labels already.")
            proposed[outcome.path] = outcome.proposal.boxes
        tallies = {}
        for picture in pictures:
            copy = work / picture.path.relative_to(folder)
            tallies[copy] = _tally(picture, proposed[copy])
            _write_review(replace(picture, path=copy, boxes=tallies[copy].review.boxes), work)
        owners: dict[str, tuple[Path, str]] = {}
        for cropped in crop_pictures(read_annotations(work), crops):
            if cropped.fault is not None:
                raise LayoutError(cropped.fault)
            truths = tallies[cropped.path].review.truths
            for crop, truth in zip(cropped.crops, truths, strict=True):
                if crop.label == ITEM:
                    owners[crop.path.name] = cropped.path, truth
        groups, singles = _grouped(title, crops, out, embed) if owners else ([], [])
        costs = [single_cost(owners[name][1]) for name in singles]
        crop_costs = list(zip(singles, costs, strict=True))
        labels = [[owners[name][1] for name in group] for group in groups]
        for group, names in zip(groups, labels, strict=True):
            crop_costs += zip(group, naming_costs(names), strict=True)
        for name, cost in crop_costs:
            owner, _ = owners[name]
            tallies[owner] = replace(tallies[owner], sorting=tallies[owner].sorting + cost)
        purity = purity_of(labels, [owners[name][1] for name in singles])
        return Measured(title, tuple(tallies.values()), purity)


def _tally(picture: LabelledPicture, proposed: Sequence[LabelledBox]) -> Tally:
    names = sum(box.label != ITEM for box in picture.boxes)
    return Tally(len(picture.boxes), names, review(proposed, picture.boxes))


def _write_review(picture: LabelledPicture, folder: Path) -> None:
    """Save corrected labels as the review page does."""
    classes = read_class_list(folder / CLASSES_FILE)
    classes = tuple(dict.fromkeys([*classes, *(box.label for box in picture.boxes)]))
    write_classes(folder, classes)
    write_yolo_labels(picture, classes, label_file_of(picture.path, folder))


def _grouped(title: str, crops: Path, out: Path, embed: Embed) -> tuple[list[list[str]], list[str]]:
    """File names of the crops in each group, and of those in none; copies are left out."""
    grouper = Grouper(crops, out)
    with progress_bar(f"{title}: comparing", len(grouper.crops)) as advance:
        grouper.run(embed, advance=advance)
    groups = [[path.name for path in pictures_in(out / name)] for name in group_folders(out)]
    return groups, [path.name for path in pictures_in(out / SINGLE)]


# The report


def saved_share(
    hand: NDArray[np.float64], tools: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Share of the actions that is saved, with the ends of its bootstrap 95 % interval.

    Args:
        hand: `(N,)` actions by hand on each picture; N at least 1.
        tools: `(N,)` actions with the tools on the same pictures.

    Returns:
        The share and both ends; below 0 where the tools make more work than they save, and 0
        where there is nothing to do by hand.
    """
    picks = np.random.default_rng(0).integers(len(hand), size=(_RESAMPLES, len(hand)))
    picks = np.vstack([np.arange(len(hand)), picks])
    by_hand, with_tools = hand[picks].sum(axis=1), tools[picks].sum(axis=1)
    share = np.divide(by_hand - with_tools, by_hand, out=np.zeros(len(picks)), where=by_hand > 0)
    low, high = np.percentile(share[1:], (2.5, 97.5))
    return float(share[0]), float(low), float(high)


def report(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """A row for each family, and one for all where there are several."""
    rows = list(measured)
    if len(rows) > 1:
        every = tuple(tally for one in measured for tally in one.tallies)
        rows.append(Measured("all", every, sum((one.purity for one in measured), Purity())))
    return [_row(one) for one in rows]


def _row(one: Measured) -> dict[str, Any]:
    tallies, purity = one.tallies, one.purity
    boxes, names, box_actions, name_actions = (
        np.array(values, np.float64)
        for values in zip(
            *(
                (
                    tally.hand_boxes,
                    tally.hand_names,
                    tally.review.box_actions,
                    tally.review.renamed + tally.sorting,
                )
                for tally in tallies
            ),
            strict=True,
        )
    )
    per_100 = 100 / len(tallies)
    parts = ("drawn", "deleted", "adjusted", "renamed", "kept", "unjudged")
    return {
        "family": one.title,
        "pictures": len(tallies),
        "per_100_pictures": {
            "by_hand": {
                "boxes": round(float(boxes.sum()) * per_100, 3),
                "names": round(float(names.sum()) * per_100, 3),
            },
            "with_tools": {
                "boxes": round(float(box_actions.sum()) * per_100, 3),
                "names": round(float(name_actions.sum()) * per_100, 3),
            },
        },
        "saved": {
            "all": saved_share(boxes + names, box_actions + name_actions),
            "boxes": saved_share(boxes, box_actions),
            "names": saved_share(names, name_actions),
        },
        "counts": {part: sum(getattr(tally.review, part) for tally in tallies) for part in parts}
        | {"sorting": round(sum(tally.sorting for tally in tallies), 3)},
        "groups": asdict(purity),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table for a README."""
    head = (
        "family (pictures)",
        "by hand: boxes + names",
        "with tools: boxes + names",
        "saved",
        "of the boxes",
        "of the names",
        "groups pure",
    )
    lines = [list(head), ["---"] * len(head)]
    for row in rows:
        cells = [f"`{row['family']}` ({row['pictures']})"]
        for part in row["per_100_pictures"].values():
            boxes, names = part["boxes"], part["names"]
            cells.append(f"{boxes:.0f} + {names:.0f} = {boxes + names:.0f}")
        for what in ("all", "boxes", "names"):
            share, low, high = (100 * value for value in row["saved"][what])
            cells.append(f"{share:.0f} % ({low:.0f} to {high:.0f})")
        together, agreeing = row["groups"]["together"], row["groups"]["agreeing"]
        cells.append(f"{agreeing / together:.0%} of {together}" if together else "-")
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _families(
    sets: Sequence[PuzzleSet], limit: int | None
) -> list[tuple[str, Path, list[LabelledPicture]]]:
    """Title, folder and pictures of each family of each set."""
    from training.evaluation.evaluate import first_of_each_family

    found = []
    for one in sets:
        truth = {picture.path: picture for picture in read_puzzle_annotations(one.folder).pictures}
        chosen = first_of_each_family(one, limit)
        for puzzle in chosen:
            path = one.folder / puzzle.background
            truth[path] = _with_prompt(truth[path], puzzle)
        for family in dict.fromkeys(puzzle.family for puzzle in chosen):
            paths = dict.fromkeys(one.folder / p.background for p in chosen if p.family == family)
            alone = sum(family in other.families for other in sets) == 1
            title = family if alone else f"{one.folder.name}: {family}"
            found.append((title, one.folder, [truth[path] for path in paths]))
    return found


def _with_prompt(picture: LabelledPicture, puzzle: Puzzle) -> LabelledPicture:
    """The items of a prompt in the picture get the names that their order tells."""
    boxes = puzzle.meta.get("prompt_boxes")
    if puzzle.kind != "region" or not isinstance(boxes, list):
        return picture
    words = dict(zip(map(tuple, boxes), puzzle.words, strict=False))
    named = (replace(box, label=words.get(box.xyxy, box.label)) for box in picture.boxes)
    return replace(picture, boxes=tuple(named))


def main(
    sets: Annotated[list[Path], typer.Argument(help="Puzzle sets, whose labels are hidden.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N puzzles of every family.")
    ] = None,
    known_names: Annotated[
        bool, typer.Option("--known-names", help="Give prelabel the names of each family.")
    ] = False,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder with the models. [default: the shipped ones]")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here.")
    ] = None,
) -> None:
    """Count what a person still has to do after prelabel, crop and group."""
    from clickorder.errors import CommandError
    from clickorder.own_models import OwnModels
    from labels.prelabel import MIN_SCORE

    try:
        models = OwnModels(models_dir)
        detector, reader, matcher = (
            models.detector(MIN_SCORE),
            models.classifier(),
            models.matcher(),
        )
        measured = [
            measure(
                title,
                pictures,
                lambda names: Proposer(detector, reader, names),
                matcher.embed,
                folder=folder,
                known_names=known_names,
            )
            for title, folder, pictures in _families([read_puzzles(path) for path in sets], limit)
        ]
    except (LabelsError, CommandError) as error:
        typer.echo(f"label_actions: {error}", err=True)
        raise typer.Exit(2) from error
    rows = report(measured)
    typer.echo("Actions for 100 pictures, and the share saved (bootstrap 95 % interval):\n")
    typer.echo(markdown(rows))
    if json_file is not None:
        about = {
            "rows": rows,
            "known_names": known_names,
            "limit": limit,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        }
        text = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
        json_file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
