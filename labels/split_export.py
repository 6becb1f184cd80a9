"""The parts of a split as folders: pictures linked, labels copied, in the layout they had."""

import contextlib
import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labels.annotations import Annotations, Layout
from labels.atomic import replacing, write_atomically
from labels.class_lists import CLASSES_FILE, YAML_SUFFIXES, class_list_of
from labels.click_order import ORDER_FILE, picture_key, read_order
from labels.errors import LayoutError
from labels.label_studio import tasks_of
from labels.pictures import find_files, nested
from labels.puzzles import PUZZLES_FILE, read_puzzles
from labels.quarantine import Quarantine
from labels.split import PARTS, Split

PARTS_FILE = "parts.json"
"""Marks a folder that `write_parts` may change."""

_STALE = "not-in-part"


@dataclass(frozen=True, slots=True)
class Written:
    """What has been done.

    Attributes:
        placed: Files that were linked, copied or written.
        stale: Files that do not belong there any more, or were others, now in its quarantine.
    """

    placed: int
    stale: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a file is to be: a link or copy of `source`, or `content`."""

    source: Path | None = None
    content: bytes = b""
    link: bool = False

    def there(self, target: Path) -> bool:
        if self.source is None:
            return target.read_bytes() == self.content
        return target.samefile(self.source) or filecmp.cmp(target, self.source, shallow=False)

    def place(self, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.source is None:
            write_atomically(target, self.content)
            return
        if self.link:
            with contextlib.suppress(OSError):  # another file system, or one without links
                os.link(self.source.resolve(), target)
                return
        with replacing(target) as new:
            shutil.copyfile(self.source, new)


def write_parts(annotations: Annotations, split: Split, out: Path) -> Written:
    """Make `train/`, `validation/` and `test/` in a folder, or bring them up to date.

    Pictures are hard links where the file system allows it, so they need no room; label files are
    copies, since editors write into them. Originals are not touched. What does not belong there
    any more goes to `out/quarantine/`.

    Args:
        annotations: The folder that was split.
        split: Its parts.
        out: A new or empty folder, or one that was made this way from the same pictures.

    Raises:
        LayoutError: `out` is something else, or lies in the folder of the pictures, or around it.
        OSError: a file cannot be written.
    """
    claim_folder(annotations.folder, out)
    quarantine = Quarantine(out)
    quarantine.recover()
    placed = 0
    stale: list[Path] = []
    todo: list[tuple[Path, _Wanted]] = []
    for part in PARTS:
        folder = out / part
        wanted = {folder / name: file for name, file in _plan(annotations, split, part)}
        present = set(find_files(folder)) if folder.is_dir() else set()
        right = {path for path in present & wanted.keys() if wanted[path].there(path)}
        stale += sorted(present - right)
        todo += [(path, wanted[path]) for path in sorted(wanted.keys() - right)]
    if stale:
        quarantine.take(stale, _STALE, f"It is not in this part of {annotations.folder} any more.")
    for path, file in todo:
        file.place(path)
        placed += 1
    return Written(placed, len(stale))


def claim_folder(folder: Path, out: Path) -> None:
    """Mark a folder for the parts of another; what is neither empty nor marked so is refused.

    Raises:
        LayoutError: see `write_parts`.
        OSError: it cannot be written.
    """
    if nested(folder, out):
        raise LayoutError(
            f"{out} and {folder} lie in each other, so that parts would be read as pictures; give "
            "--out a folder beside."
        )
    mark, source = out / PARTS_FILE, folder.resolve()
    if mark.is_file():
        try:
            origin = json.loads(mark.read_text(encoding="utf-8"))["pictures"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LayoutError(f"{mark} cannot be read ({error}); give another --out.") from error
        if origin != str(source):
            raise LayoutError(f"{out} holds parts of {origin}; give another --out.")
        return
    if out.exists() and (not out.is_dir() or any(not _torn(path) for path in out.iterdir())):
        raise LayoutError(
            f"{out} is not empty and was not made by `clickorder labels split`; give --out a new "
            "folder."
        )
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"pictures": str(source)}, ensure_ascii=False) + "\n"
    write_atomically(mark, text.encode())


def _torn(path: Path) -> bool:
    """Whether it is what a kill left of the mark."""
    return path.name.startswith(f".{PARTS_FILE}.")


def _plan(annotations: Annotations, split: Split, part: str) -> Iterator[tuple[Path, _Wanted]]:
    """Every file of a part, by its path in it."""
    folder = annotations.folder
    chosen = [p for p in annotations.pictures if split.parts.get(p.path) == part]
    if not chosen:
        return
    if annotations.layout is Layout.PUZZLES:
        yield from _plan_puzzles(folder, {p.path for p in chosen})
        return
    for picture in chosen:
        yield picture.path.relative_to(folder), _Wanted(picture.path, link=True)
    labels = {p.label_file for p in chosen if p.label_file is not None}
    if annotations.layout is Layout.LABEL_STUDIO:
        for export in sorted(labels):
            mine = [p.path for p in chosen if p.label_file == export]
            content = tasks_of(export, mine, folder).encode()
            yield export.relative_to(folder), _Wanted(content=content)
        return
    for label in sorted(labels):
        yield label.relative_to(folder), _Wanted(label)
    if annotations.layout is Layout.YOLO:
        listed = class_list_of(folder)
        if listed.suffix in YAML_SUFFIXES:
            # Its paths are those of the whole set.
            names = "".join(f"{name}\n" for name in annotations.classes)
            yield Path(CLASSES_FILE), _Wanted(content=names.encode())
        else:
            yield listed.relative_to(folder), _Wanted(listed)
        known = read_order(folder)
        keys = [picture_key(p.path, folder) for p in chosen]
        if order := {key: known[key] for key in keys if key in known}:
            text = json.dumps(order, ensure_ascii=False) + "\n"
            yield Path(ORDER_FILE), _Wanted(content=text.encode())


def _plan_puzzles(folder: Path, backgrounds: set[Path]) -> Iterator[tuple[Path, _Wanted]]:
    puzzles = [p for p in read_puzzles(folder) if folder / p.background in backgrounds]
    for name in dict.fromkeys(name for puzzle in puzzles for name in puzzle.files):
        yield Path(name), _Wanted(folder / name, link=True)
    lines = "".join(puzzle.to_json() + "\n" for puzzle in puzzles)
    yield Path(PUZZLES_FILE), _Wanted(content=lines.encode())
