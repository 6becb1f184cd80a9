"""How a text reader is trained: the keys of a YAML file, which are the flags of `train-text`."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from classifier.charsets import FOLDS, Fold, LabelRule, characters_of
from classifier.text_preprocess import Fit, TextPreprocess
from labels.texts import NAME_PATTERN
from training.errors import TextTrainingError

HEADS: tuple[Literal["ctc-conv", "ctc", "fixed"], ...] = ("ctc-conv", "ctc", "fixed")
TRUNKS: tuple[Literal["slim", "usual"], ...] = ("slim", "usual")
FITS: tuple[Fit, ...] = ("stretch", "pad")
SYNTHETIC = ("captcha", "two-colours", "strips")

PLACES = ("data", "validation", "out", "from")
"""Keys of a file that say where something is, and not how to train."""

_DRAWN_CHARSET = "numeric+upper"
_DRAWN_LENGTH = "4"
_SIZE = re.compile(r"(\d+)\s*[xX×]\s*(\d+)")
_LENGTHS = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")


@dataclass(frozen=True, slots=True)
class TextSettings:
    """What a user may choose; every attribute is a key and a flag.

    Attributes:
        head: `ctc-conv`, `ctc` or `fixed`.
        trunk: Channels of the network, `slim` or `usual`.
        charset: A preset, several with `+`, the characters themselves, or a file; empty collects
            them from the labels, or takes digits and capitals where pictures are drawn.
        exclude: Characters to leave out.
        often: Characters that are drawn four times as often to learn from, as those that are
            taken for each other.
        replace: What stands for what, in pairs: `O0I1`.
        fold: `lower`, `upper`, or empty for labels as they are.
        length: Characters of a text: `4`, or `4-6`; empty for that of the labels, or 4.
        size: Size of the network's input, `WIDTHxHEIGHT`.
        fit: `stretch`, or `pad` to keep the shape of pictures.
        grey: Whether colours are of no use.
        binarise: Whether pictures become black and white.
        smooth: Side of a median window in pixels, 0 for none.
        blur: Blur of a Gaussian in pixels, 0 for none.
        synthetic: What is drawn instead of read: `captcha`, `two-colours`, `strips`; several
            between commas, each with its share: `captcha:2,strips:1`.
        draw: `WIDTHxHEIGHT` that pictures are drawn in; empty for that of the input.
        pattern: Regular expression that finds the label in a file name.
        skip_faulty: Whether pictures that cannot be used are left out.
        held_out: Share of the pictures to measure on, where no split was made.
        trials: Pictures to measure on, where they are drawn.
        batch: Pictures in a step.
        steps: Batches in all; 0 leaves it to `epochs` or `minutes`.
        epochs: Passes over the pictures; 0 for none.
        minutes: Time at most; 0 for no limit.
        decay_steps: Batches, at the end, in which the rate falls; 0 for two fifths.
        rate: Highest learning rate.
        warmup: Batches in which it is reached.
        weight_decay: Weight decay of AdamW.
        dropout: Share of features left out.
        augment: How strongly pictures are varied, 0 for not at all; -1 for 1, or 0.4 where they
            are drawn.
        check_every: Batches between two measurements; 0 for a twentieth of an hour's work.
        patience: Measurements without a better one before the rate falls; 0 for never.
        end_acc: Accuracy of whole pictures at which training ends; 0 for none.
        end_cost: Loss on the pictures to measure on, at or below which it ends; 0 for none. With
            both, both must be reached.
        uses: How often a drawn picture is used at most.
        seed: Random seed of weights, pictures and order.
        workers: Processes that draw or read pictures.
        threads: CPU threads; 0 for torch's choice.
        memory_mb: Pictures that need no more are kept in memory.
        name: Name of the model.
        version: Version of the weights.
        statement: What they were trained on; empty for a default.
    """

    head: str = "ctc-conv"
    trunk: str = "slim"
    charset: str = ""
    exclude: str = ""
    often: str = ""
    replace: str = ""
    fold: str = ""
    length: str = ""
    size: str = "128x64"
    fit: str = "stretch"
    grey: bool = True
    binarise: bool = False
    smooth: int = 0
    blur: float = 0.0
    synthetic: str = ""
    draw: str = ""
    pattern: str = NAME_PATTERN
    skip_faulty: bool = False
    held_out: float = 0.05
    trials: int = 2000
    batch: int = 64
    steps: int = 0
    epochs: float = 0.0
    minutes: float = 0.0
    decay_steps: int = 0
    rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.02
    dropout: float = 0.1
    augment: float = -1.0
    check_every: int = 0
    patience: int = 0
    end_acc: float = 0.0
    end_cost: float = 0.0
    uses: int = 4
    seed: int = 1
    workers: int = 1
    threads: int = 0
    memory_mb: int = 1500
    name: str = "clickorder-text"
    version: str = "1.0.0"
    statement: str = ""

    def __post_init__(self) -> None:
        for name, known in (("head", HEADS), ("trunk", TRUNKS), ("fit", FITS), ("fold", FOLDS)):
            if getattr(self, name) not in known:
                words = ", ".join(word or "nothing" for word in known)
                raise TextTrainingError(f"{name} is {getattr(self, name)!r}; choose of {words}.")
        for name, least in (
            ("batch", 2), ("uses", 1), ("workers", 1), ("trials", 10), ("warmup", 1),
            *((name, 0) for name in (
                "steps", "epochs", "minutes", "decay_steps", "check_every", "patience", "threads",
                "smooth", "blur", "end_cost", "memory_mb", "weight_decay",
            )),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise TextTrainingError(
                    f"{name} is {getattr(self, name)}; it must be at least {least}."
                )
        for name in ("held_out", "end_acc", "dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise TextTrainingError(
                    f"{name} is {getattr(self, name):g}; it is a share, from 0 to 1."
                )
        if not 0 < self.rate <= 1:
            raise TextTrainingError(f"rate is {self.rate:g}; give one greater than 0, as 2e-3.")
        _ = self.sides, self.drawn_sides, self.lengths, self.kinds, self.preprocess

    @property
    def sides(self) -> tuple[int, int]:
        """`(width, height)` of the network's input in pixels."""
        width, height = _sides(self.size, "size")
        if not (16 <= width <= 1024 and 16 <= height <= 256):
            raise TextTrainingError(
                f"size is {self.size}; give a width of 16 to 1024 and a height of 16 to 256."
            )
        return width, height

    @property
    def drawn_sides(self) -> tuple[int, int]:
        """`(width, height)` that pictures are drawn in."""
        return _sides(self.draw, "draw") if self.draw else self.sides

    @property
    def lengths(self) -> tuple[int, int] | None:
        """Shortest and longest text; None where nothing was said."""
        text = self.length or (_DRAWN_LENGTH if self.synthetic else "")
        if not text:
            return None
        found = _LENGTHS.fullmatch(text.strip())
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= low <= high <= 64:
            raise TextTrainingError(f"length is {self.length!r}; give a number as 4, or 4-6.")
        return low, high

    @property
    def kinds(self) -> dict[str, int]:
        """What is drawn, and how much of each; empty where nothing is."""
        shares: dict[str, int] = {}
        for part in filter(None, (part.strip() for part in self.synthetic.split(","))):
            kind, _, share = part.partition(":")
            if kind not in SYNTHETIC or not (share or "1").isdecimal() or share == "0":
                raise TextTrainingError(
                    f"synthetic has {part!r}; choose of {', '.join(SYNTHETIC)}, with a whole "
                    "number as its share, as in captcha:2,strips:1."
                )
            shares[kind] = int(share or 1)
        return shares

    @property
    def preprocess(self) -> TextPreprocess:
        """What is done to pictures and labels."""
        width, height = self.sides
        fold: Fold = next(fold for fold in FOLDS if fold == self.fold)
        colours = "two-colours" in self.kinds
        if colours and self.grey:
            raise TextTrainingError(
                "Texts in two colours cannot be told apart in grey; add --colour (grey: false)."
            )
        return TextPreprocess(
            height=height,
            width=width,
            grey=self.grey,
            fit=next(fit for fit in FITS if fit == self.fit),
            binarise=self.binarise,
            smooth=self.smooth,
            blur=self.blur,
            colours=colours,
            fold=fold,
            replace=self.replace,
        )

    def characters(self, labels: Iterable[str] = ()) -> str:
        """The characters to learn, once labels are folded.

        Args:
            labels: Where they are collected from when no charset was chosen.
        """
        rule: LabelRule = self.preprocess.rule
        if self.charset or self.synthetic:
            return rule.charset(characters_of(self.charset or _DRAWN_CHARSET, exclude=self.exclude))
        found = sorted({character for label in labels for character in rule.apply(label)})
        return "".join(character for character in found if character not in self.exclude)

    @property
    def strength(self) -> float:
        """How strongly pictures are varied."""
        if self.augment >= 0:
            return self.augment
        return 0.4 if self.synthetic else 1.0


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


def settings_of(given: Mapping[str, object]) -> TextSettings:
    """The settings, defaults filled in.

    Args:
        given: By key; values of a file are texts, lists (of a charset) and tables (of
            replacements), those of flags have their types.

    Raises:
        TextTrainingError: a value makes no sense.
    """
    values: dict[str, object] = {}
    for field in fields(TextSettings):
        if field.name in given:
            values[field.name] = _value(field.name, given[field.name], type(field.default))
    return TextSettings(**values)  # type: ignore[arg-type]  # each has its field's type


def _value(key: str, value: object, kind: type) -> object:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, int):
        return float(value)
    if key in ("charset", "exclude", "often") and isinstance(value, list):
        return "".join(map(str, value))
    if key == "replace" and isinstance(value, dict):
        return "".join(f"{old}{new}" for old, new in value.items())
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    text = str(value).strip()
    if isinstance(value, str) and kind is bool and text.lower() in words:
        return words[text.lower()]
    if isinstance(value, str) and kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[kind]
    raise TextTrainingError(f"{key} is {value!r}; it must be {wanted}.")


def _sides(text: str, key: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise TextTrainingError(f"{key} is {text!r}; give WIDTHxHEIGHT, as in 128x64.")
    return int(found[1]), int(found[2])
