"""Proposals for pictures that nobody has labelled yet: boxes from the detector, names where sure.

Each picture gets a label file of labelImg and a line in the journal of `labels.proposals`. The line
is written first, so a picture counts as done only when both are there, and an interrupted run can
be repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifier import CtcReadings, SoftmaxReadings
from detector import Detector
from labels.annotations import ITEM, LabelledBox, LabelledPicture
from labels.class_lists import CLASSES_FILE, class_list_of
from labels.errors import LayoutError
from labels.pictures import UNREADABLE, find_files, is_picture, load_rgb
from labels.proposals import REPORT_FILE, Journal, Proposal, write_export, write_report
from labels.puzzle_annotations import copy_new
from labels.yolo import (
    label_file_of,
    read_class_list,
    write_classes,
    write_yolo_labels,
)

MIN_SCORE = 0.3
"""On puzzles of the validation split, it leaves out three to ten in a hundred items, and nine of
ten boxes are items; the detector's own threshold is lower, as solving can do with spare boxes."""

# Measured on 250 characters of the validation split. With a list of 30 or 100 names, both
# together let hardly one false name through and name three quarters; the share alone would name
# characters that are not in the list at all. Without a list, nine of ten names are right.
_SHARE = 0.8
_PROBABILITY_IN_LIST = 0.05
_PROBABILITY = 0.9


class Reader(Protocol):
    """What is asked of a classifier here: any that reads single characters or sequences."""

    def can_read(self, word: str) -> bool:
        """Whether the word can be scored."""
        ...

    def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """Cut the boxes out as this model wants to see them."""
        ...

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings | SoftmaxReadings:
        """Run the network once over all crops."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture.

    Attributes:
        path: Its file.
        proposal: What was written; None where the picture had labels already, or a fault.
        fault: One sentence; else None.
    """

    path: Path
    proposal: Proposal | None = None
    fault: str | None = None


class Proposes(Protocol):
    """Proposes for many pictures: `Proposer`, or several of them at the same time."""

    def propose_files(self, files: Mapping[str, Path]) -> Iterator[Proposal | str]:
        """Propose for picture files.

        Args:
            files: Files by what to call the pictures.

        Yields:
            In the same order the proposal for each, or what is wrong with the file.
        """
        ...


class Proposer:
    """Puts boxes on a picture, and names on those it is sure of; implements `Proposes`."""

    def __init__(
        self, detector: Detector, reader: Reader | None = None, names: Sequence[str] = ()
    ) -> None:
        """Keep the models.

        Args:
            detector: Finds boxes, those above its own threshold.
            reader: Names them; without it, every box is an `item`.
            names: What they can be called; empty for all that the reader knows. Names it cannot
                read are never guessed.
        """
        self._detector = detector
        self._reader = reader
        self._any = not names
        self._names = [name for name in names if reader is not None and reader.can_read(name)]

    def propose_files(self, files: Mapping[str, Path]) -> Iterator[Proposal | str]:
        """Propose for picture files, one at a time; see `Proposes`."""
        for picture, file in files.items():
            yield self.propose_file(file, picture)

    def propose_file(self, file: Path, picture: str) -> Proposal | str:
        """Boxes and names of one picture, or what is wrong with its file.

        Args:
            file: The file.
            picture: What to call it.
        """
        try:
            return self.propose(load_rgb(file), picture)
        except UNREADABLE as error:
            return str(error)

    def propose(self, image: NDArray[np.uint8], picture: str) -> Proposal:
        """Boxes and names of one picture.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            picture: What to call it.
        """
        found = self._detector.detect(image)
        height, width = image.shape[:2]
        # Clipped to the picture, a box may have nothing left.
        whole = (found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)
        corners = found.boxes[whole]
        labels, names = self._guess(image, corners)
        boxes = tuple(
            LabelledBox(x1, y1, x2, y2, label=label, confidence=score)
            for (x1, y1, x2, y2), label, score in zip(
                corners.tolist(), labels, found.scores[whole].tolist(), strict=True
            )
        )
        return Proposal(picture, width, height, boxes, tuple(names))

    def _guess(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32]
    ) -> tuple[list[str], list[float]]:
        """A label for each box, and how sure the best name is."""
        if self._reader is None or not (self._any or self._names) or not len(boxes):
            return [ITEM] * len(boxes), []
        readings = self._reader.read(self._reader.crop(image, boxes))
        if self._any:
            probability = readings.single_symbols.max(axis=1)
            first = readings.single_symbols.argmax(axis=1)
            best = [readings.charset.symbols[index] for index in first]
            share = probability
            accepted = probability >= _PROBABILITY
        else:
            scores = np.exp(readings.score_words(self._names).astype(np.float64))
            first = scores.argmax(axis=0)
            best = [self._names[index] for index in first]
            probability = scores.max(axis=0)
            # As sure as its share of all names, if the crop is likely to show any of them at all.
            share = probability / scores.sum(axis=0)
            share *= np.minimum(1.0, probability / _PROBABILITY_IN_LIST)
            accepted = (share >= _SHARE) & (probability >= _PROBABILITY_IN_LIST)
        labels = [name if ok else ITEM for name, ok in zip(best, accepted, strict=True)]
        return labels, [float(value) for value in share]


class Prelabeller:
    """Proposes labels for the pictures of a folder that have none.

    Labels that exist are never touched. Names that `classes.txt` lacks are added at its end.

    Attributes:
        pictures: All pictures of the folder, at any depth, in the order of their names.
        classes: The names that label files can use so far, in the order of their numbers.
        names: What items can be called: the given names, or those of `classes.txt`; empty for
            anything.
    """

    def __init__(self, folder: Path, *, out: Path | None = None, names: Sequence[str] = ()) -> None:
        """Look at the folder; nothing is written yet.

        Args:
            folder: Pictures, at any depth.
            names: What items can be called; empty for what `classes.txt` names. What an earlier
                run has guessed freely and added there does not count.
            out: Where labels go, with a copy of each picture; None for beside the pictures.

        Raises:
            LayoutError: there are no pictures, or label files without a `classes.txt` to read
                their numbers by.
        """
        if not folder.is_dir():
            raise LayoutError(f"{folder} is no folder; give a folder of pictures.")
        self._folder = folder
        self._out = folder if out is None else out
        files = [path for path in find_files(folder) if is_picture(path)]
        if self._out.resolve() != folder.resolve():
            # In a folder below, the copies of an earlier run are no new pictures.
            files = [path for path in files if self._out not in path.parents]
        self.pictures = tuple(files)
        if not self.pictures:
            raise LayoutError(f"{folder} has no pictures; give a folder of screenshots.")
        known = _known_classes(folder, self._out)
        self.classes = tuple(dict.fromkeys([*known, *names]))
        free = not names and Journal(self._out).any_name
        self.names = () if free else tuple(name for name in names or known if name != ITEM)
        self._label_files: dict[Path, Path] = {}

    def run(self, proposer: Proposes) -> Iterator[Outcome]:
        """Go through all pictures; at the end, write the report and the export anew.

        Args:
            proposer: The models, asked for `names`.

        Yields:
            Each picture when it is done, in the order of their names.

        Raises:
            LayoutError: `out` has another picture of the same name.
            OSError: a file cannot be written.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        journal = Journal(self._out)
        if self.names:
            # All of them: whoever corrects the labels can choose from them.
            write_classes(self._out, self.classes)
        else:
            journal.allow_any_name()
        settled = {path: self._without_models(path) for path in self.pictures}
        asked = {self._key(path): path for path, outcome in settled.items() if outcome is None}
        answers = proposer.propose_files(asked)
        for path, outcome in settled.items():
            yield outcome or self._keep(path, next(answers), journal)
        proposals = self.proposals()
        write_report(self._out / REPORT_FILE, proposals)
        write_export(self._out, proposals, self.classes)

    def proposals(self) -> list[Proposal]:
        """Those of all runs whose pictures are still there, least certain first."""
        found = Journal(self._out).proposals
        return [one for one in found if (self._out / one.picture).is_file()]

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _label_file(self, path: Path) -> Path:
        return label_file_of(self._out / self._key(path), self._out)

    def _is_labelled(self, path: Path) -> bool:
        return self._label_file(path).exists() or label_file_of(path, self._folder).exists()

    def _without_models(self, path: Path) -> Outcome | None:
        """What became of a picture that the models need not see; None where they do."""
        twin = self._label_files.setdefault(self._label_file(path), path)
        if twin != path:
            sentence = f"{path} would share a label file with {twin.name}; rename one of the two."
            return Outcome(path, fault=sentence)
        return Outcome(path) if self._is_labelled(path) else None

    def _keep(self, path: Path, proposal: Proposal | str, journal: Journal) -> Outcome:
        """Write what was proposed for a picture."""
        if isinstance(proposal, str):
            sentence = f"{path} cannot be read as a picture ({proposal}); remove or replace it."
            return Outcome(path, fault=sentence)
        if self._is_labelled(path):
            return Outcome(path)  # Somebody was faster.
        picture, label_file = self._out / self._key(path), self._label_file(path)
        if picture != path:
            copy_new(path, picture)
        labels = dict.fromkeys(box.label for box in proposal.boxes)
        new = tuple(label for label in labels if label not in self.classes)
        if new or not class_list_of(self._out).exists():
            self.classes += new
            write_classes(self._out, self.classes)
        journal.add(proposal)
        shown = LabelledPicture(picture, proposal.width, proposal.height, proposal.boxes)
        label_file.parent.mkdir(parents=True, exist_ok=True)
        write_yolo_labels(shown, self.classes, label_file)
        return Outcome(path, proposal)


def _known_classes(folder: Path, out: Path) -> tuple[str, ...]:
    """The names that numbers in label files have so far."""
    for place in (out, folder):
        if (listed := class_list_of(place)).is_file():
            return read_class_list(listed)
    for path in find_files(out) if out.is_dir() else ():
        if is_picture(path) and label_file_of(path, out).exists():
            raise LayoutError(
                f"{out} has label files, but no {CLASSES_FILE} that says what their numbers mean; "
                "put it back, or give another folder with --out."
            )
    return (ITEM,)
