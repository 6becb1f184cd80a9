"""Where a run of `train-text` reads and writes, and its YAML file."""

import difflib
from dataclasses import fields
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from training.core.options import Finish, Flag, Resume, reports
from training.errors import TextTrainingError
from training.text.settings import TextSettings

PLACES = ("data", "validation", "out", "from")
"""Keys of a file that say where something is, and not how to train."""


def _listed(value: object) -> object:
    """A path that stands alone in a file, as a list of one."""
    return [value] if isinstance(value, str | Path) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]


@reports(TextTrainingError)
@dataclass(frozen=True, slots=True)
class TextRun:
    """Where the pictures, the run and its first weights are."""

    data: Annotated[
        Paths,
        Field(
            description="Folders of labelled pictures, or packs (.texts); none with --synthetic."
        ),
        Flag(kind="argument"),
    ] = ()
    config: Annotated[
        Path | None,
        Field(
            description="A YAML file whose keys are the names of these flags. A flag on the "
            "command line overrides the file."
        ),
        Flag(metavar="FILE"),
    ] = None
    out: Annotated[Path, Field(description="Folder of the run.")] = Path("runs/text")
    validation: Annotated[
        Paths,
        Field(
            description="Folders or packs to validate on. Without them the pictures that "
            "`clickorder text split` set aside are used, or else a random --held-out share."
        ),
    ] = ()
    resume: Resume = False
    finish: Finish = False
    start: Annotated[
        Path | None,
        Field(
            description="Initial weights: a run folder, a checkpoint (.pt), an ONNX file with the "
            "head ctc-conv, shipped, or the name of a shipped reader (`clickorder text models`). "
            "Weights that fit are taken over, those of known characters included; "
            "height, colours and trunk should be those of the start."
        ),
        Flag("--from", default="random weights"),
    ] = None
    pack: Annotated[
        Path | None,
        Field(description="Write DATA into one file (.texts) and exit without training."),
        Flag(metavar="FILE"),
    ] = None


def read_config(path: Path) -> dict[str, object]:
    """Keys and values of a YAML file, every value as it is written there.

    Raises:
        TextTrainingError: it cannot be read, or has a key that is unknown.
    """
    import yaml

    try:
        # All values stay texts: as numbers, the charset 01234567 would be octal.
        content: object = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)  # noqa: S506
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise TextTrainingError(f"{path} cannot be read as YAML ({reason}).") from error
    if not isinstance(content, dict):
        raise TextTrainingError(f"{path} holds no keys and values; write `head: ctc`, a line each.")
    known = [field.name for field in fields(TextSettings)] + list(PLACES)
    config: dict[str, object] = {}
    for written, value in content.items():
        key = str(written).replace("-", "_")
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = f"; did you mean {near[0]}?" if near else f". Known are {', '.join(known)}."
            raise TextTrainingError(f"{path} has the key {written!r}, which is unknown{meant}")
        config[key] = value
    return config
