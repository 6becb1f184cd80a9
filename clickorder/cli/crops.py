"""`clickorder labels prelabel`, `crop` and `group`: from screenshots to named crops."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.cli.solver_options import AddressOption, RayOption
from clickorder.terminal import progress_bar, report_os_errors, tell_faults, through


def crop(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Pictures with boxes, in any known layout.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the class folders.")],
    margin: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of a box's longer side to add on each side. [default: "
            "0.08, as the shipped matcher was trained]",
            show_default=False,
        ),
    ] = 0.08,
) -> None:
    """Cut out every box, into a folder for its class: data for `train-classifier`.

    Boxes that are only called `item` go to `OUT/_unnamed`; `group` sorts them. A class whose name
    cannot be that of a folder is escaped, `bi:alarm` to `bi%3Aalarm`, and read back as it was.
    A crop's name stays the same, so a later run adds only what is new: it overwrites nothing,
    leaves what you have moved where it is, and takes crops out of `_unnamed` whose box has been
    named since. Exit status 1: a picture could not be read.

    For example:

    - `clickorder labels crop my-pictures crops`
    - `clickorder labels crop my-pictures crops-wide --margin 0.2`
    """
    from collections import Counter

    from labels.crops import Fate, crop_pictures
    from labels.reading import read_annotations

    faults: list[str] = []
    fates: Counter[Fate] = Counter()
    with report_os_errors(out):
        annotations = read_annotations(folder)
        pictures = crop_pictures(annotations, out, margin=margin)
        for picture in through("Cropping", pictures, len(annotations.pictures)):
            fates.update(one.fate for one in picture.crops)
            for one in picture.crops:
                if one.fate is Fate.ELSEWHERE:
                    typer.echo(f"{one.path}: its box is called {one.label} now.", err=True)
            if picture.fault is not None:
                faults.append(picture.fault)
    faults += [fault.sentence for fault in annotations.faults]
    tell_faults(faults)
    typer.echo(
        f"{fates[Fate.NEW]} new crops in {out}, {fates[Fate.KNOWN]} were there, "
        f"{fates[Fate.NAMED]} moved out of _unnamed, {fates[Fate.ELSEWHERE]} lie in another "
        "class's folder."
    )
    if faults:
        raise typer.Exit(1)


def prelabel(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of screenshots.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write labels, and copies of the pictures, here. [default: DIR itself]"),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with detector.onnx and classifier.onnx. [default: the shipped ones]"
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            help="What items can be called, between commas. [default: DIR/classes.txt; without "
            "it, every character that the classifier knows, if it is quite sure]"
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least confidence of a box.")
    ] = 0.3,
    ray: RayOption = False,
    address: AddressOption = None,
) -> None:
    """Propose labels: boxes from the detector, and names where the classifier is sure.

    Writes labelImg's files beside the pictures, `prelabel.json` for Label Studio, and
    `prelabel.csv`, the least certain picture first: look at those first. A box without a certain
    name is an `item`. Pictures that have labels already are left alone, so an interrupted run
    goes on where it was. Exit status 1: a picture could not be read.

    For example:

    - `clickorder labels prelabel screenshots`
    - `clickorder labels prelabel screenshots --out labelled --names 炸,弹,鱼`
    - `clickorder labels prelabel /shared/screenshots --ray --address auto`
    """
    from contextlib import ExitStack

    from clickorder.own_models import OwnModels
    from labels.prelabel import Prelabeller, Proposer, Proposes

    with report_os_errors(out or folder), ExitStack() as stack:
        # Before the models: a slip in the folders should be told at once.
        given = [name.strip() for name in (names or "").replace("，", ",").split(",")]
        prelabeller = Prelabeller(folder, out=out, names=[name for name in given if name])
        models = OwnModels(models_dir)
        proposer: Proposes
        if ray:
            from clickorder.proposals_on_ray import proposer_on_ray
            from clickorder.ray_session import session

            place = out or folder
            proposer = stack.enter_context(
                proposer_on_ray(models_dir, min_score, prelabeller.names, place)
            )
            stack.enter_context(session(address))
        else:
            proposer = Proposer(models.detector(min_score), models.classifier(), prelabeller.names)
        run = prelabeller.run(proposer)
        outcomes = list(through("Proposing", run, len(prelabeller.pictures)))
        proposals = prelabeller.proposals()
    proposed = sum(one.proposal is not None for one in outcomes)
    faults = [one.fault for one in outcomes if one.fault is not None]
    tell_faults(faults)
    typer.echo(
        f"{proposed} pictures labelled in {out or folder}, "
        f"{len(outcomes) - proposed - len(faults)} had labels already."
    )
    if proposals:
        typer.echo("Least certain (all in prelabel.csv):")
    for one in proposals[:10]:
        typer.echo(f"  {one.confidence:.3f}  {len(one.boxes):2} boxes  {one.picture}")
    if faults:
        raise typer.Exit(1)


def group(
    crops: Annotated[
        Path, typer.Argument(metavar="CROPS", help="Folder of crops, or one with _unnamed in it.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the groups.")],
    max_distance: Annotated[
        float,
        typer.Option(min=0.0, max=2.0, help="How unlike crops of a group may be; less is purer."),
    ] = 0.35,
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder with siamese.onnx. [default: the shipped one]")
    ] = None,
) -> None:
    """Sort crops that nobody has named into groups of lookalikes.

    Look at `OUT/index.html`, then name a group by renaming its folder, and join or part groups by
    moving files. Crops like no other are in `OUT/_single`. Run it again with more crops: they go
    to the groups they belong to, or into new ones, and nothing of yours is moved or overwritten.

    For example:

    - `clickorder labels crop screenshots crops`, `clickorder labels group crops groups`
    - `mv groups/group-001 groups/炸`
    """
    from clickorder.own_models import OwnModels
    from labels.group_overview import draw_overview
    from labels.groups import SINGLE, Grouper

    with report_os_errors(out):
        grouper = Grouper(crops, out)
        matcher = OwnModels(models_dir).matcher()
        with progress_bar("Comparing", len(grouper.crops)) as advance:
            done = grouper.run(matcher.embed, max_distance=max_distance, advance=advance)
        sizes = draw_overview(out)
    tell_faults(done.faults)
    single = sizes.pop(SINGLE, 0)
    typer.echo(
        f"{done.added} new crops: {done.joined} joined groups, {done.fresh} new groups. In all "
        f"{len(sizes)} groups, and {single} crops like no other: {out / 'index.html'}"
    )
    if done.repeated:
        typer.echo(f"{done.repeated} crops are copies of others and were left out.")
    if done.faults:
        raise typer.Exit(1)
