"""`clickorder labels from-puzzles` and `to-puzzles`: puzzle sets to labels and back."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.terminal import report_os_errors, tell_faults, through


def from_puzzles(
    puzzles: Annotated[Path, typer.Argument(metavar="SET", help="Folder with puzzles.jsonl.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for labelImg.")],
) -> None:
    """Turn a puzzle set into labelled pictures that labelImg and `review` open.

    Targets get their word as class, all other boxes the class `item`, and the order of clicks goes
    into `order.json`. Prompt pictures are left behind: on the way back the prompt is the words.
    What OUT has already stays as it is, so an interrupted run can simply be repeated.

    For example: `clickorder labels from-puzzles recorded/set-1 my-pictures`
    """
    from labels.puzzle_annotations import puzzles_to_yolo

    with report_os_errors(out):
        done = sum(1 for _ in through("Writing", puzzles_to_yolo(puzzles, out)))
    typer.echo(f"{done} pictures in {out}.")


def to_puzzles(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled pictures.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new puzzle set.")],
) -> None:
    """Turn labelled pictures whose order of clicks is known into a puzzle set.

    The prompt of each puzzle is the words: the classes of its ordered boxes. The order comes from
    `order.json`, which `review` writes. Pictures without one are named and left out.

    For example: `clickorder labels to-puzzles my-pictures sets/mine`, and then
    `clickorder evaluate sets/mine`.
    """
    from labels.click_order import read_order, with_order
    from labels.puzzle_annotations import annotations_to_puzzles
    from labels.reading import read_annotations

    with report_os_errors(out):
        annotations = with_order(read_annotations(folder), read_order(folder))
        made, left_out = annotations_to_puzzles(annotations, out)
    for one in left_out:
        typer.echo(f"left out: {one.picture}: {one.reason}", err=True)
    tell_faults(fault.sentence for fault in annotations.faults)
    typer.echo(f"{len(made)} puzzles in {out}; {len(left_out)} pictures left out.")
