"""What models proposed for pictures: kept line by line, and reported least certain first.

Label files of labelImg have no place for confidences. So they are kept in a hidden journal, a line
of JSON for each picture, from which the report and the export for Label Studio are written.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from labels.annotations import Annotations, LabelledBox, LabelledPicture, Layout
from labels.atomic import write_atomically
from labels.errors import AnnotationError
from labels.label_studio import write_label_studio

REPORT_FILE = "prelabel.csv"
EXPORT_FILE = "prelabel.json"
JOURNAL_FILE = ".prelabel.jsonl"

_ANY_NAME = b'{"names": "any"}'
_COLUMNS = ("picture", "boxes", "least_box_confidence", "least_name_confidence", "confidence")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the models say of one picture.

    Attributes:
        picture: Its path relative to the folder, with `/`.
        width: Width of the picture as displayed, in pixels.
        height: The same.
        boxes: Best first, each with the detector's confidence.
        names: Confidence of the best name of each box, whether it was given to the box or not;
            empty where there is no classifier.
    """

    picture: str
    width: int
    height: int
    boxes: tuple[LabelledBox, ...]
    names: tuple[float, ...] = ()

    @property
    def least_box(self) -> float:
        """Confidence of the least certain box; 0 where there is none."""
        return min((box.confidence or 0.0 for box in self.boxes), default=0.0)

    @property
    def least_name(self) -> float | None:
        """Confidence of the least certain name; None where nobody has tried to name."""
        return min(self.names, default=None)

    @property
    def confidence(self) -> float:
        """Both together: what the report is sorted by."""
        least_name = self.least_name
        return self.least_box * (1.0 if least_name is None else least_name)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can write."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what `as_dict` gave.

        Raises:
            AnnotationError: a box has no area.
            KeyError, TypeError, ValueError: it is something else.
        """
        return cls(
            str(data["picture"]),
            int(data["width"]),
            int(data["height"]),
            tuple(LabelledBox(**box) for box in data["boxes"]),
            tuple(map(float, data["names"])),
        )


class Journal:
    """The proposals of all runs in a folder; of several for one picture, the last counts."""

    def __init__(self, folder: Path) -> None:
        """Read what there is.

        Args:
            folder: The one with the label files; it need not exist yet.

        Raises:
            OSError: the journal is there and cannot be read.
        """
        self._file = folder / JOURNAL_FILE
        self._proposals: dict[str, Proposal] = {}
        lines = self._file.read_bytes().split(b"\n") if self._file.is_file() else []
        self._any_name = _ANY_NAME in lines
        for proposal in filter(None, map(_parsed, lines)):
            self._proposals[proposal.picture] = proposal

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """All of them, least certain first."""
        found = self._proposals.values()
        return tuple(sorted(found, key=lambda one: (one.confidence, one.picture)))

    @property
    def any_name(self) -> bool:
        """Whether names were guessed freely, so that `classes.txt` is no list to choose from."""
        return self._any_name

    def allow_any_name(self) -> None:
        """Remember that names are guessed freely.

        Raises:
            OSError: it cannot be written.
        """
        if not self._any_name:
            self._append(_ANY_NAME)
            self._any_name = True

    def add(self, proposal: Proposal) -> None:
        """Append a line.

        Raises:
            OSError: it cannot be written.
        """
        self._append(json.dumps(proposal.as_dict(), ensure_ascii=False).encode())
        self._proposals[proposal.picture] = proposal

    def _append(self, line: bytes) -> None:
        # A line begins with its break: a kill may have left the one before without an end.
        with self._file.open("ab") as stream:
            stream.write(b"\n" + line)


def write_report(file: Path, proposals: Iterable[Proposal]) -> None:
    """Write a line of CSV for each picture, in the order given.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in proposals:
        name = "" if one.least_name is None else f"{one.least_name:.4f}"
        numbers = (len(one.boxes), f"{one.least_box:.4f}", name, f"{one.confidence:.4f}")
        rows.writerow([one.picture, *numbers])
    write_atomically(file, stream.getvalue().encode())


def write_export(folder: Path, proposals: Sequence[Proposal], classes: Sequence[str]) -> None:
    """Write the proposals as predictions for Label Studio, in the order given.

    Raises:
        OSError: it cannot be written; what was there is as before.
    """
    pictures = tuple(
        LabelledPicture(folder / one.picture, one.width, one.height, one.boxes)
        for one in proposals
        if one.boxes
    )
    # An empty annotation would say that somebody has looked and found nothing.
    empty = tuple(folder / one.picture for one in proposals if not one.boxes)
    found = Annotations(folder, Layout.YOLO, pictures, tuple(classes), unlabelled=empty)
    write_label_studio(found, folder / EXPORT_FILE)


def _parsed(line: bytes) -> Proposal | None:
    """A line of the journal; None where a kill has cut it off, or there is none."""
    try:
        return Proposal.from_dict(json.loads(line))
    except (ValueError, TypeError, KeyError, AnnotationError):
        return None
