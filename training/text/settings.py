"""Options of `train-text`: its flags, which are also the keys of its YAML file."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from classifier.charsets import Fold, LabelRule, characters_of
from classifier.text_preprocess import Fit, TextPreprocess
from labels.texts import NAME_PATTERN
from training.core.options import (
    Flag,
    Minutes,
    Patience,
    Statement,
    Threads,
    Version,
    build,
    reports,
)
from training.errors import TextTrainingError

SYNTHETIC = ("captcha", "two-colours", "strips")

_DRAWN_CHARSET = "numeric+upper"
_DRAWN_LENGTH = "4"
_SIZE = re.compile(r"(\d+)\s*[xX×]\s*(\d+)")
_LENGTHS = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")

_PICTURES, _TEXTS = Flag(panel="Pictures"), Flag(panel="Texts")
_LEARNING, _ENDING, _MODEL = Flag(panel="Learning"), Flag(panel="Ending"), Flag(panel="Model")


def _joined(value: object) -> object:
    """The characters of a list in a file."""
    return "".join(map(str, value)) if isinstance(value, list) else value


def _paired(value: object) -> object:
    """The replacements of a table in a file."""
    if isinstance(value, dict):
        return "".join(f"{old}{new}" for old, new in value.items())
    return value


Characters = Annotated[str, BeforeValidator(_joined)]


@reports(TextTrainingError)
@dataclass(frozen=True, slots=True)
class TextSettings:
    """How a text reader is trained; every field is a flag and a key of the YAML file."""

    head: Annotated[
        Literal["ctc-conv", "ctc", "fixed"],
        Field(
            description="Head of the network: ctc-conv (convolutions, CTC loss), ctc (a GRU, CTC "
            "loss) or fixed (one classifier per position, for texts of one length)."
        ),
        _MODEL,
    ] = "ctc-conv"
    trunk: Annotated[
        Literal["slim", "usual"],
        Field(description="Width of the convolutional trunk: slim, or usual with more channels."),
        _MODEL,
    ] = "slim"
    charset: Annotated[
        Characters,
        Field(
            description="Characters to recognise: numeric, lower, upper, alphabet, alphanumeric, "
            "common-chinese (2,000), chinese (3,755), sums of these with +, the "
            "characters themselves, or a file of them."
        ),
        Flag(panel="Texts", default="the labels' characters, or numeric+upper when drawing"),
    ] = ""
    exclude: Annotated[
        Characters,
        Field(description="Characters to remove from the charset."),
        _TEXTS,
    ] = ""
    often: Annotated[
        Characters,
        Field(
            description="Characters to draw four times as often, for example 0O when these are "
            "confused."
        ),
        _TEXTS,
    ] = ""
    replace: Annotated[
        Annotated[str, BeforeValidator(_paired)],
        Field(
            description="Pairs of characters that count as the same: O0I1 reads O as 0 and I as 1."
        ),
        _TEXTS,
    ] = ""
    fold: Annotated[
        Fold,
        Field(description="Fold the case of labels to lower or upper; without it they stay as is."),
        _TEXTS,
    ] = ""
    length: Annotated[
        str,
        Field(description="Number of characters in a text: 4, or a range such as 4-6."),
        Flag(panel="Texts", default="that of the labels, or 4 when drawing"),
    ] = ""
    size: Annotated[
        str, Field(description="WIDTHxHEIGHT of the network's input in pixels."), _PICTURES
    ] = "128x64"
    fit: Annotated[
        Fit,
        Field(
            description="How a picture is fitted to the input: stretch, or pad to keep its aspect "
            "ratio."
        ),
        _PICTURES,
    ] = "stretch"
    grey: Annotated[
        bool,
        Field(description="Convert pictures to greyscale, or keep their colours."),
        Flag("--grey/--colour", panel="Pictures"),
    ] = True
    binarise: Annotated[
        bool,
        Field(description="Convert pictures to black and white with Otsu's threshold."),
        Flag("--binarise/--no-binarise", panel="Pictures"),
    ] = False
    smooth: Annotated[
        int, Field(ge=0, description="Side of a median filter in pixels; 0 for none."), _PICTURES
    ] = 0
    blur: Annotated[
        float,
        Field(ge=0, description="Radius of a Gaussian blur in pixels; 0 for none."),
        _PICTURES,
    ] = 0.0
    synthetic: Annotated[
        str,
        Field(
            description="Draw an endless stream of pictures instead of reading DATA: captcha (of "
            "the captcha package), two-colours or strips; several with their shares, as"
            " in captcha:2,strips:1."
        ),
        _PICTURES,
    ] = ""
    draw: Annotated[
        str,
        Field(description="WIDTHxHEIGHT of drawn pictures in pixels."),
        Flag(panel="Pictures", default="that of --size"),
    ] = ""
    pattern: Annotated[
        str,
        Field(
            description="Regular expression whose group named label finds the label in a file name."
        ),
        Flag(panel="Texts", default="all up to the first underscore"),
    ] = NAME_PATTERN
    skip_faulty: Annotated[
        bool,
        Field(
            description="Leave out pictures that cannot be read or whose label has characters "
            "outside the charset, instead of ending with an error."
        ),
        Flag("--skip-faulty", panel="Texts"),
    ] = False
    held_out: Annotated[
        float,
        Field(
            ge=0, le=1, description="Share of the pictures to validate on, where no split was made."
        ),
        _TEXTS,
    ] = 0.05
    trials: Annotated[
        int, Field(ge=10, description="Number of drawn pictures to validate on."), _TEXTS
    ] = 2000
    batch: Annotated[int, Field(ge=2, description="Batch size in pictures."), _LEARNING] = 64
    steps: Annotated[
        int,
        Field(ge=0, description="Total number of batches; 0 leaves it to --epochs or --minutes."),
        _ENDING,
    ] = 0
    epochs: Annotated[
        float,
        Field(ge=0, description="Passes over DATA; 0 leaves it to --steps or --minutes."),
        _ENDING,
    ] = 0.0
    minutes: Annotated[Minutes, _ENDING] = 0.0
    decay_steps: Annotated[
        int,
        Field(
            ge=0, description="Number of final steps over which the learning rate decays to zero."
        ),
        Flag(panel="Learning", default="two fifths of all steps"),
    ] = 0
    rate: Annotated[float, Field(gt=0, le=1, description="Peak learning rate."), _LEARNING] = 2e-3
    warmup: Annotated[
        int,
        Field(ge=1, description="Number of steps over which the learning rate rises to its peak."),
        _LEARNING,
    ] = 100
    weight_decay: Annotated[float, Field(ge=0, description="Weight decay of AdamW."), _LEARNING] = (
        0.02
    )
    dropout: Annotated[
        float, Field(ge=0, le=1, description="Dropout rate before the head."), _MODEL
    ] = 0.1
    augment: Annotated[
        float,
        Field(description="Strength of the augmentation; 0 for none, 1 suits small sets."),
        Flag(panel="Learning", default="1, or 0.4 when drawing"),
    ] = -1.0
    check_every: Annotated[
        int,
        Field(ge=0, description="Number of steps between two validations."),
        Flag(panel="Ending", default="depends on the number of steps"),
    ] = 0
    patience: Annotated[Patience, _ENDING] = 0
    end_acc: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Accuracy of whole texts at which training ends early, 0 to 1; 0 for none.",
        ),
        _ENDING,
    ] = 0.0
    end_cost: Annotated[
        float,
        Field(
            ge=0,
            description="Validation loss at or below which training ends early; 0 for none. If "
            "--end-acc is given too, both must be reached.",
        ),
        _ENDING,
    ] = 0.0
    uses: Annotated[
        int, Field(ge=1, description="How many times a drawn picture is used at most."), _LEARNING
    ] = 4
    seed: Annotated[
        int,
        Field(description="Random seed of the weights, the pictures and their order."),
        _LEARNING,
    ] = 1
    workers: Annotated[
        int, Field(ge=1, description="Worker processes that draw or read pictures."), _LEARNING
    ] = 1
    threads: Annotated[Threads, _LEARNING] = 0
    memory_mb: Annotated[
        int,
        Field(ge=0, description="Pictures that fit into this many megabytes are kept in memory."),
        _LEARNING,
    ] = 1500
    name: Annotated[
        str, Field(description="Name of the model, for the file's metadata."), _MODEL
    ] = "clickorder-text"
    version: Annotated[Version, _MODEL] = "1.0.0"
    statement: Annotated[Statement, _MODEL] = ""

    def __post_init__(self) -> None:
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
        colours = "two-colours" in self.kinds
        if colours and self.grey:
            raise TextTrainingError(
                "Texts in two colours cannot be told apart in grey; add --colour (grey: false)."
            )
        return TextPreprocess(
            height=height,
            width=width,
            grey=self.grey,
            fit=self.fit,
            binarise=self.binarise,
            smooth=self.smooth,
            blur=self.blur,
            colours=colours,
            fold=self.fold,
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


def settings_of(given: Mapping[str, object]) -> TextSettings:
    """The settings, defaults filled in.

    Args:
        given: By key; values of a file are texts, lists (of a charset) and tables (of
            replacements), those of flags have their types.

    Raises:
        TextTrainingError: a value makes no sense.
    """
    return build(TextSettings, given)


def _sides(text: str, key: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise TextTrainingError(f"{key} is {text!r}; give WIDTHxHEIGHT, as in 128x64.")
    return int(found[1]), int(found[2])
