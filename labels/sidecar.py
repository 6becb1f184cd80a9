"""Layouts with a label file for each picture: the way through the folder that they share."""

from collections.abc import Callable, Sequence
from pathlib import Path

from labels.annotations import Annotations, Fault, Kind, LabelledBox, LabelledPicture, Layout
from labels.pictures import UNREADABLE, displayed_size, find_files, is_picture, unreadable

Read = Callable[[Path, int, int], tuple[tuple[LabelledBox, ...] | None, list[Fault]]]


def read_sidecars(
    folder: Path,
    layout: Layout,
    *,
    label_of: Callable[[Path], Path],
    read: Read,
    is_label: Callable[[Path], bool],
    classes: Sequence[str] | None = None,
) -> Annotations:
    """Read every picture with its label file, and tell label files that have lost theirs.

    Args:
        folder: Where they lie.
        layout: How they are stored.
        label_of: Where the label file of a picture is, or would be.
        read: The boxes of a label file, given width and height of the picture in pixels; None
            where none of them can be trusted; and the faults.
        is_label: Whether a file that belongs to no picture is a label file.
        classes: Names in their order; None for those found, sorted.
    """
    files = list(find_files(folder))
    pictures: list[LabelledPicture] = []
    unlabelled: list[Path] = []
    faults: list[Fault] = []
    shown = list(filter(is_picture, files))
    labels: dict[Path, list[Path]] = {}
    for file in shown:
        labels.setdefault(label_of(file), []).append(file)
    label_files = {file: label for label, twins in labels.items() for file in twins}
    for file in shown:
        label = label_files[file]
        try:
            width, height = displayed_size(file)
        except UNREADABLE as error:
            faults.append(unreadable(file, error))
            continue
        if not label.is_file():
            unlabelled.append(file)
            continue
        if len(labels[label]) > 1:
            if file == labels[label][0]:
                faults.append(shared_label(labels[label]))
            continue
        boxes, wrong = read(label, width, height)
        faults += wrong
        # What was not understood is no picture that shows nothing.
        if boxes or (boxes is not None and not wrong):
            pictures.append(LabelledPicture(file, width, height, boxes, label_file=label))
    faults += [
        Fault(
            Kind.ORPHANED_LABEL,
            file,
            f"{file} has no picture of the same name; bring the picture back or remove the file.",
        )
        for file in files
        if file not in labels and is_label(file)
    ]
    if classes is None:
        classes = sorted({box.label for picture in pictures for box in picture.boxes})
    return Annotations(
        folder, layout, tuple(pictures), tuple(classes), tuple(faults), tuple(unlabelled)
    )


def shared_label(pictures: Sequence[Path]) -> Fault:
    """The fault of pictures that have one label file: nobody can say whose the boxes are.

    Args:
        pictures: At least two.
    """
    first, *others = pictures
    names = ", ".join(other.name for other in others)
    which = "one of the two" if len(others) == 1 else "all but one"
    sentence = f"{first} would share a label file with {names}; rename {which}."
    return Fault(Kind.SHARED_LABEL, first, sentence)
