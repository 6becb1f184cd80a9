"""Pictures of failed puzzles: truth, detected boxes, clicks and prompt, for a person to look at."""

import html
import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from labels.pictures import load_rgb
from training.errors import EvaluationError
from training.evaluation.evaluate import Outcome
from training.evaluation.scoring import Reply

SCALE = 2
_PANEL_WIDTH = 340
_MARGIN = 10
_TRUTH, _FOUND, _CLICKED = (0, 150, 60), (60, 110, 255), (220, 30, 30)
_INK, _PAPER = (25, 25, 25), (250, 250, 248)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Failed puzzles</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 1.5rem; background: #fafaf8; color: #191919 }}
ul {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1rem;
      list-style: none; padding: 0 }}
img {{ max-width: 100%; border: 1px solid #ccc }}
</style>
<h1>{count} failed puzzles</h1>
<p>{causes}</p>
<p>Green: truth, numbered in click order. Blue: detected boxes with their scores. Red: clicks.</p>
<ul>
{items}
</ul>
</html>
"""


@dataclass(frozen=True, slots=True)
class Lettering:
    """Fonts of the captions and of the words of prompts.

    Attributes:
        plain: Font of captions, and of words in ASCII.
        wide: Font with Chinese characters; None where the machine has none.
    """

    plain: Font
    wide: ImageFont.FreeTypeFont | None

    @classmethod
    def find(cls, folders: Iterable[Path] = ()) -> "Lettering":
        """Look for a font with Chinese characters.

        Args:
            folders: Folders that are searched before the fonts of the system.
        """
        found = (font for file in _font_files(folders) if (font := _chinese(file)) is not None)
        return cls(ImageFont.load_default(15), next(found, None))

    def word(self, word: str) -> tuple[str, Font]:
        """Text and font of a word; code points where no font has its characters."""
        if word.isascii():
            return word, self.plain
        if self.wide is not None and all(_has(self.wide, char) for char in word):
            return word, self.wide
        return " ".join(f"U+{ord(char):04X}" for char in word), self.plain


def draw_failures(outcomes: Sequence[Outcome], folder: Path, lettering: Lettering) -> int:
    """Draw every failed puzzle, and an `index.html` that shows them all.

    Args:
        outcomes: Outcomes of an evaluation; solved ones are skipped.
        folder: Folder of the pictures, `family-id-cause.png`; created where it is missing.
        lettering: Fonts of captions and words.

    Returns:
        Number of pictures that were drawn.

    Raises:
        EvaluationError: the folder cannot be written.
    """
    failed = [outcome for outcome in outcomes if not outcome.score.solved]
    names: dict[str, Outcome] = {}
    for outcome in failed:
        # Generated ids begin with the family already.
        group = [] if outcome.puzzle.id.startswith(outcome.group) else [outcome.group]
        stem = "-".join([*group, outcome.puzzle.id, str(outcome.score.cause)])
        stem = re.sub(r"[^\w.-]+", "_", stem).strip("_.")
        name = f"{stem}.png"
        while name in names:
            name = f"{stem}-{len(names)}.png"
        names[name] = outcome
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, outcome in names.items():
            draw_failure(outcome, lettering).save(folder / name)
        (folder / "index.html").write_text(_index(names), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written ({error}).") from error
    return len(failed)


def draw_failure(outcome: Outcome, lettering: Lettering) -> Image.Image:
    """Draw one puzzle: its background with boxes and clicks, its prompt beside it.

    Args:
        outcome: The puzzle and its answer.
        lettering: Fonts of captions and words.

    Returns:
        RGB picture; the background is enlarged by `SCALE`.

    Raises:
        OSError: a picture of the puzzle cannot be read.
        PictureError: a file is no picture.
    """
    background = _open(outcome.folder / outcome.puzzle.background, SCALE)
    _draw_outcome(background, outcome)
    panel = _panel(outcome, lettering)
    sheet = Image.new(
        "RGB",
        (background.width + panel.width, max(background.height, panel.height)),
        _PAPER,
    )
    sheet.paste(background, (0, 0))
    sheet.paste(panel, (background.width, 0))
    return sheet


def draw_answer(background: Path, reply: Reply) -> Image.Image:
    """Draw the detected boxes and the numbered clicks of an answer.

    Args:
        background: File of the background.
        reply: The answer; its coordinates are pixels of the background.

    Returns:
        RGB picture, the background enlarged by `SCALE`.

    Raises:
        OSError: the file cannot be read.
        PictureError: it is no picture.
    """
    picture = _open(background, SCALE)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    _draw_found(draw, reply, font)
    _draw_clicks(draw, reply, font)
    return picture


def _draw_outcome(picture: Image.Image, outcome: Outcome) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    puzzle = outcome.puzzle
    _draw_found(draw, outcome.reply, font)
    if puzzle.kind == "region":
        draw.rectangle(_scaled(puzzle.region), outline=(230, 160, 0), width=2)
    for accept in filter(None, puzzle.accept or ()):
        draw.rectangle(_scaled(accept), outline=_TRUTH, width=1)
    for number, target in enumerate(puzzle.targets, start=1):
        draw.rectangle(_scaled(target), outline=_TRUTH, width=2)
        _tag(draw, (target[0] * SCALE, target[1] * SCALE - 15), str(number), _TRUTH, font)
    _draw_clicks(draw, outcome.reply, font)


def _draw_found(draw: ImageDraw.ImageDraw, reply: Reply, font: Font) -> None:
    for box, score in zip(reply.boxes, reply.scores, strict=True):
        draw.rectangle(_scaled(box), outline=_FOUND, width=1)
        _tag(draw, (box[0] * SCALE, box[3] * SCALE), f"{score:.2f}", _FOUND, font)


def _draw_clicks(draw: ImageDraw.ImageDraw, reply: Reply, font: Font) -> None:
    clicks = [(x * SCALE, y * SCALE) for x, y in reply.clicks]
    if len(clicks) > 1:
        draw.line(clicks, fill=_CLICKED, width=2)
    for number, (x, y) in enumerate(clicks, start=1):
        draw.circle((x, y), 9, fill=_CLICKED, outline="white")
        draw.text((x, y), str(number), fill="white", font=font, anchor="mm")


def _panel(outcome: Outcome, lettering: Lettering) -> Image.Image:
    """Caption, words and prompt pictures, top to bottom; as high as they need."""
    puzzle, reply = outcome.puzzle, outcome.reply
    caption = [
        f"{outcome.group} {puzzle.id}",
        f"cause: {outcome.score.cause}",
        f"confidence: {reply.confidence:.3f}",
        f"clicks: {len(reply.clicks)} for {len(puzzle.targets)} targets",
    ]
    caption += [f"reason: {reply.reason}"] if reply.reason else []
    caption += [reply.problem] if reply.problem else []
    rows: list[Image.Image | tuple[str, Font]] = []
    for line in caption:
        rows += [(part, lettering.plain) for part in _wrapped(line, lettering.plain)]
    rows.append((f"prompt ({puzzle.kind}):", lettering.plain))
    pictures = [puzzle.image] if puzzle.image is not None else puzzle.icons
    rows += [_fitted(_open(outcome.folder / name, SCALE)) for name in pictures]
    for number, word in enumerate(puzzle.words, start=1):
        text, font = lettering.word(word)
        rows.append((f"{number}. {text}" if font is lettering.plain else text, font))
    heights = [
        (row.height if isinstance(row, Image.Image) else math.ceil(row[1].getbbox("Ag|")[3])) + 6
        for row in rows
    ]
    panel = Image.new("RGB", (_PANEL_WIDTH, sum(heights) + 2 * _MARGIN), _PAPER)
    draw, y = ImageDraw.Draw(panel), _MARGIN
    for row, height in zip(rows, heights, strict=True):
        if isinstance(row, Image.Image):
            panel.paste(row, (_MARGIN, y))
        else:
            draw.text((_MARGIN, y), row[0], fill=_INK, font=row[1])
        y += height
    return panel


def _index(names: dict[str, Outcome]) -> str:
    causes: dict[str, int] = {}
    for outcome in names.values():
        causes[str(outcome.score.cause)] = causes.get(str(outcome.score.cause), 0) + 1
    items = "\n".join(
        f'<li><a href="{html.escape(name)}"><img loading="lazy" src="{html.escape(name)}" '
        f'alt=""></a><br>{html.escape(f"{outcome.group} {outcome.puzzle.id}")}: '
        f"{outcome.score.cause}</li>"
        for name, outcome in names.items()
    )
    listed = ", ".join(f"{cause}: {number}" for cause, number in sorted(causes.items()))
    return _PAGE.format(count=len(names), causes=listed or "Nothing failed.", items=items)


def _open(path: Path, scale: int) -> Image.Image:
    """As displayed, scaled."""
    return ImageOps.scale(Image.fromarray(load_rgb(path)), scale, Image.Resampling.BICUBIC)


def _fitted(picture: Image.Image) -> Image.Image:
    width = _PANEL_WIDTH - 2 * _MARGIN
    if picture.width <= width:
        return picture
    return ImageOps.contain(picture, (width, picture.height))


def _scaled(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Corners as Pillow draws them: both ends included."""
    x1, y1, x2, y2 = (value * SCALE for value in box)
    return x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)


def _tag(
    draw: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    colour: tuple[int, int, int],
    font: Font,
) -> None:
    # Outside its box, so that the item stays visible, but never outside the picture.
    x, y = corner[0], min(max(corner[1], 0), draw.im.size[1] - 15)
    draw.rectangle((x, y, x + font.getlength(text) + 4, y + 15), fill=colour)
    draw.text((x + 2, y), text, fill="white", font=font)


def _wrapped(text: str, font: Font) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= _PANEL_WIDTH - 2 * _MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


def _font_files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        yield from sorted(
            file for file in folder.rglob("*") if file.suffix.lower() in (".ttf", ".otf", ".ttc")
        )
    if (fontconfig := shutil.which("fc-list")) is not None:
        listed = subprocess.run(  # noqa: S603  (no part of the command comes from outside)
            [fontconfig, ":lang=zh", "file"], capture_output=True, text=True, check=False
        )
        yield from sorted(Path(line.rstrip(": ")) for line in listed.stdout.splitlines() if line)


def _chinese(file: Path) -> ImageFont.FreeTypeFont | None:
    try:
        font = ImageFont.truetype(file, 26)
    except OSError:
        return None
    return font if all(_has(font, char) for char in "的请点") else None


def _has(font: ImageFont.FreeTypeFont, char: str) -> bool:
    """Whether the font draws something of its own: not nothing, and not its "missing" sign."""
    mask = font.getmask(char)
    return mask.getbbox() is not None and bytes(mask) != bytes(font.getmask("\U0010ffff"))
