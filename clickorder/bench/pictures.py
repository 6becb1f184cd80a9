"""The pictures of a stress test: the user's own, or drawn by the `captcha` package."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clickorder.errors import CommandError, UsageError
from clickorder.terminal import report_os_errors, through


@dataclass(frozen=True, slots=True)
class BenchPicture:
    """A picture to be read.

    Attributes:
        name: Where it is from.
        label: What it says; None where nobody knows.
        content: Bytes of the file.
    """

    name: str
    label: str | None
    content: bytes


def own_pictures(
    paths: Sequence[Path], pattern: str | None, *, labelled: bool, count: int, seed: int
) -> list[BenchPicture]:
    """Pictures of folders and files, shuffled.

    Labels are read as `clickorder text test` reads them; pictures without one are taken too, only
    that nothing is said about what is read on them.

    Args:
        paths: Folders and picture files.
        pattern: Where file names hold the label; None for the default.
        labelled: False takes all for pictures without a label.
        count: At most so many.
        seed: Another one takes and orders them otherwise.

    Raises:
        UsageError: a path is nothing, or there is no picture.
        LayoutError: a label file cannot be read, or the pattern is none.
        CommandError: a picture cannot be read.
    """
    labels: dict[Path, str | None] = {}
    with report_os_errors(paths[0]):
        lists: dict[Path, dict[Path, str | None]] = {}
        for path in paths:
            # A picture that is given twice is asked once.
            labels |= _in_folder(path, pattern) if path.is_dir() else _of_file(path, pattern, lists)
        if not labels:
            raise UsageError(
                f"There is no picture in {' and '.join(map(str, paths))}; give another folder, or "
                "none to have pictures drawn."
            )
        files = sorted(labels)
        chosen = np.random.default_rng(seed).permutation(len(files))[:count]
        return [
            BenchPicture(
                str(files[at]), labels[files[at]] if labelled else None, files[at].read_bytes()
            )
            for at in chosen
        ]


def drawn_pictures(
    charset: str, lengths: tuple[int, int], size: tuple[int, int], *, count: int, seed: int
) -> list[BenchPicture]:
    """Pictures that the `captcha` package draws.

    Args:
        charset: A preset, the characters, or a file; see `characters_of`.
        lengths: Shortest and longest text.
        size: `(width, height)` in pixels.
        count: How many.
        seed: The same draws the same.

    Raises:
        CommandError: what draws is not installed.
        CharacterSetError: the charset is none.
        TextTrainingError: the package is not installed, or has none of the characters.
    """
    from PIL import Image

    from classifier.charsets import characters_of

    characters = characters_of(charset)
    try:
        from training.text.synthetic import BENCHMARK, DrawingPlan, TextDrawer
    except ImportError as error:
        raise CommandError(
            f"Drawing pictures needs packages that are not installed ({error.name}); install them "
            'with pip install -e ".[texts]", or give pictures of your own.'
        ) from error
    drawer = TextDrawer(DrawingPlan(characters, lengths, size), BENCHMARK, seed)
    found = []
    for number in through("Drawing pictures", range(count), count):
        drawn, file = drawer.draw("captcha"), io.BytesIO()
        Image.fromarray(drawn.picture).save(file, "PNG")
        found.append(BenchPicture(f"drawn-{number:05}", drawn.text, file.getvalue()))
    return found


def _in_folder(folder: Path, pattern: str | None) -> dict[Path, str | None]:
    from clickorder.text_files import read_folders
    from labels.pictures import find_pictures

    found: dict[Path, str | None] = dict.fromkeys(find_pictures(folder))
    return found | {one.path: one.label for one in read_folders([folder], pattern).pictures}


def _of_file(
    file: Path, pattern: str | None, lists: dict[Path, dict[Path, str | None]]
) -> dict[Path, str | None]:
    """A single picture, with the label that it has in its folder's list, or in its name.

    Args:
        file: The picture.
        pattern: Where file names hold the label; None for the default.
        lists: Folders that were read already, so that each is read once; added to.
    """
    from labels.pictures import is_picture
    from labels.texts import LABELS_JSON, LABELS_TEXT, NAME_PATTERN, compile_pattern

    if not file.is_file():
        raise UsageError(f"{file} is neither a folder nor a file; check the path.")
    if not is_picture(file):
        raise UsageError(f"{file} is no picture by its name; give pictures, or a folder of them.")
    if any((file.parent / name).is_file() for name in (LABELS_TEXT, LABELS_JSON)):
        if file.parent not in lists:
            lists[file.parent] = _in_folder(file.parent, pattern)
        return {file: lists[file.parent].get(file)}
    match = compile_pattern(NAME_PATTERN if pattern is None else pattern).search(file.name)
    return {file: match["label"] or None if match else None}
