"""What an adaptation was asked for and how far it is, kept in its folder."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from clickorder.errors import CommandError
from labels.annotations import Annotations, Layout
from labels.atomic import write_atomically
from labels.pictures import nested

STATE_FILE = "adapt.json"


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    """Options of an adaptation.

    Attributes:
        minutes: Minutes of training, all models together.
        validation: Share of the pictures to decide by whether new weights are better.
        test: Share of the pictures to measure before and after with; 0 measures on the validation
            part.
        models_dir: Models to start from; None for the shipped ones.
        threads: CPU threads; 0 leaves the choice to the libraries.
        seed: Random seed.
        mix: Whether generated pictures are mixed in, where there is something to draw with.
        layout: How labels are stored; None finds it out.
    """

    minutes: float = 12.0
    validation: float = 0.15
    test: float = 0.15
    models_dir: Path | None = None
    threads: int = 0
    seed: int = 1
    mix: bool = True
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is done.

    Attributes:
        seconds: What it took.
        generated: Generated pictures or crops that it learned from.
    """

    seconds: float
    generated: int


class AdaptationState:
    """The file `adapt.json`."""

    def __init__(self, file: Path, fingerprint: str, trainings: Mapping[str, Training]) -> None:
        self._file = file
        self._fingerprint = fingerprint
        self._trainings = dict(trainings)

    @classmethod
    def open(cls, out: Path, folder: Path, fingerprint: str) -> "AdaptationState":
        """Begin in an empty folder, or go on with the same adaptation.

        Args:
            out: The adaptation's folder.
            folder: The pictures.
            fingerprint: Fingerprint of labels and options, see `fingerprint_of`.

        Raises:
            CommandError: `out` holds something else, or an adaptation to other labels.
            OSError: it cannot be read or written.
        """
        if nested(folder, out):
            raise CommandError(
                f"{out} and {folder} lie in each other, so that what is written would be read as "
                "pictures; give --out a folder beside."
            )
        file = out / STATE_FILE
        if file.is_file():
            return cls._read(file, fingerprint)
        if out.is_dir() and any(out.iterdir()):
            raise CommandError(
                f"{out} is not empty and was not made by `clickorder adapt`; give --out a new "
                "folder."
            )
        state = cls(file, fingerprint, {})
        state._write()
        return state

    @classmethod
    def _read(cls, file: Path, fingerprint: str) -> "AdaptationState":
        try:
            value = json.loads(file.read_text(encoding="utf-8-sig"))
            trainings = {
                str(role): Training(float(entry["seconds"]), int(entry["generated"]))
                for role, entry in value["trainings"].items()
            }
            before = value["fingerprint"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandError(f"{file} cannot be read ({error}); give another --out.") from error
        if before != fingerprint:
            raise CommandError(
                f"{file.parent} holds an adaptation to other labels or with other options; give "
                "--out a new folder, and --models-dir its bundle to go on from there."
            )
        return cls(file, fingerprint, trainings)

    def training(self, role: str) -> Training | None:
        """What is known of a training that is done; None where it is not."""
        return self._trainings.get(role)

    def done(self, role: str, training: Training) -> None:
        """Remember a training.

        Raises:
            OSError: the file cannot be written.
        """
        self._trainings[role] = training
        self._write()

    def _write(self) -> None:
        value = {
            "fingerprint": self._fingerprint,
            "trainings": {
                role: {"seconds": round(t.seconds, 1), "generated": t.generated}
                for role, t in self._trainings.items()
            },
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, (json.dumps(value, indent=1) + "\n").encode())


def fingerprint_of(
    annotations: Annotations, parts: Mapping[str, Collection[Path]], options: AdaptOptions
) -> str:
    """Differs where labels, parts or options do: an adaptation to these must not go on as one."""
    part_of = {path: part for part, paths in parts.items() for path in paths}
    lines = [
        f"{picture.path.relative_to(annotations.folder)} {part_of.get(picture.path)} "
        f"{picture.label} {[(box.xyxy, box.label, box.order) for box in picture.boxes]}"
        for picture in annotations.pictures
    ]
    asked = (options.minutes, options.models_dir, options.seed, options.mix)
    return hashlib.sha256("\n".join([repr(asked), *lines]).encode()).hexdigest()
