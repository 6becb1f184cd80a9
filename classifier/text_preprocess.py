"""From a text CAPTCHA to what a text model wants to see: one function for trainer and server.

A model file carries the choices in the `options` of its metadata: `height`, `width`, `fit`,
`binarise`, `smooth`, `blur`, `colours`, `fold`, `replace`, which are the fields of
`TextPreprocess`. Pixels enter the network as 0..1 and not otherwise normalised (a first batch
normalisation learns that): so does ddddocr feed the models it imports.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from classifier.charsets import FOLDS, Fold, LabelRule
from classifier.colours import Rgb
from classifier.preprocess import check_picture
from modelfile import ModelMetadata, ModelMetadataError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Fit = Literal["stretch", "pad"]

SCALE = 1 / 255
"""Factor on pixels, for the metadata; the mean is 0 and the standard deviation 1."""

_NEARNESS_LEVELS = 64.0  # RGB distance at which nearness has fallen to 1/e


@dataclass(frozen=True, slots=True)
class TextPreprocess:
    """How a text model wants its pictures and labels.

    Pictures are first resized, so that all that follows works on pixels of the network's input;
    then smoothed, blurred and binarised, each only where asked for.

    Attributes:
        height: Height of the network's input in pixels.
        width: The same.
        grey: Whether the network sees luminance only; else RGB.
        fit: `"stretch"`: to `width` x `height`, whatever the shape. `"pad"`: to `height`, its shape
            kept; what is narrower than `width` gets its last column continued to the right, what is
            wider is squeezed.
        binarise: Whether luminance becomes black and white, at Otsu's threshold; only with `grey`.
        smooth: Side of a median window in pixels, odd; 0 for none.
        blur: Standard deviation of a Gaussian in pixels; 0 for none.
        colours: Whether the network takes a wanted colour: one channel more.
        fold: The case that labels were folded to; `""` for none.
        replace: What stands for what in labels, in pairs: `"O0l1"` makes O a 0, and l a 1.
        shortest: Characters of the shortest text that was learnt.
        longest: Length of the longest; 0 where unknown.

    Raises:
        ModelMetadataError: a value makes no sense.
    """

    height: int
    width: int
    grey: bool = True
    fit: Fit = "stretch"
    binarise: bool = False
    smooth: int = 0
    blur: float = 0.0
    colours: bool = False
    fold: Fold = ""
    replace: str = ""
    shortest: int = 0
    longest: int = 0

    def __post_init__(self) -> None:
        checks = (
            (self.height > 0 and self.width > 0, "height and width are not greater than 0"),
            (self.fit in ("stretch", "pad"), f"fit {self.fit!r} is neither stretch nor pad"),
            (self.grey or not self.binarise, "binarise is given for an input that is not grey"),
            (
                self.smooth == 0 or (self.smooth > 0 and self.smooth % 2 == 1),
                f"smooth {self.smooth} is not an odd number of pixels or 0",
            ),
            (math.isfinite(self.blur) and self.blur >= 0, f"blur {self.blur} is less than 0"),
            (self.fold in FOLDS, f"fold {self.fold!r} is none of lower, upper and ''"),
            (len(self.replace) % 2 == 0, f"replace {self.replace!r} is not made of pairs"),
            (
                0 <= self.shortest <= self.longest,
                f"shortest {self.shortest} and longest {self.longest} are no lengths of texts",
            ),
        )
        for passed, fault in checks:
            if not passed:
                raise ModelMetadataError(f"The options of the text model are not valid: {fault}.")

    @classmethod
    def of(cls, metadata: ModelMetadata, *, source: str) -> "TextPreprocess":
        """What a model file says.

        Args:
            metadata: Metadata of a text model.
            source: What to call the file in messages.

        Raises:
            ModelMetadataError: it is no text model, or an option is unknown or makes no sense.
        """
        if metadata.kind != "text":
            raise ModelMetadataError(
                f"{source} is a {metadata.kind} and not a text model; check the path."
            )
        options = dict(metadata.options)
        known = {field.name for field in fields(cls)} - {"grey"}
        unknown = sorted(set(options) - known)
        if unknown:
            raise ModelMetadataError(
                f"{source} has the option {unknown[0]!r}, which this version does not know; "
                "install a newer one."
            )
        width, height = metadata.input_size
        plain = math.isclose(metadata.scale, SCALE) and not any(metadata.mean)
        if metadata.colour == "BGR" or not plain or set(metadata.std) != {1.0}:
            raise ModelMetadataError(
                f"{source} wants pixels that are not GRAY or RGB in 0..1, as text models do; "
                "export it again."
            )
        try:
            found = cls(
                height=_whole(options.get("height", height), "height"),
                width=_whole(options.get("width", width), "width"),
                grey=metadata.colour == "GRAY",
                fit=cast("Fit", options.get("fit", "stretch")),
                binarise=_flag(options.get("binarise", 0), "binarise"),
                smooth=_whole(options.get("smooth", 0), "smooth"),
                blur=_number(options.get("blur", 0), "blur"),
                colours=_flag(options.get("colours", 0), "colours"),
                fold=cast("Fold", options.get("fold", "")),
                replace=str(options.get("replace", "")),
                shortest=_whole(options.get("shortest", 0), "shortest"),
                longest=_whole(options.get("longest", 0), "longest"),
            )
        except ModelMetadataError as error:
            raise ModelMetadataError(f"{source}: {error}") from error
        if (found.width, found.height) != metadata.input_size:
            raise ModelMetadataError(
                f"{source} has the options width {found.width} and height {found.height}, but the "
                f"input_size {width} x {height}; export it again."
            )
        return found

    @property
    def channels(self) -> int:
        """Number of channels of the network's input."""
        return (1 if self.grey else 3) + self.colours

    @property
    def rule(self) -> LabelRule:
        """What is done to labels before they are learnt or compared."""
        return LabelRule(self.fold, self.replace)

    @property
    def lengths(self) -> tuple[int, int] | None:
        """Lengths of the shortest and the longest text that was learnt; None where unknown."""
        return (self.shortest, self.longest) if self.longest else None

    def options(self) -> Mapping[str, str | float]:
        """What belongs into the metadata of a model file."""
        values = asdict(self)
        del values["grey"]
        return {name: int(v) if isinstance(v, bool) else v for name, v in values.items()}

    def to_batch(self, pictures: Sequence[U8], colours: Sequence[Rgb | None] | None = None) -> F32:
        """The network's input.

        Args:
            pictures: N pictures, `(H, W, 3)` uint8 RGB, of any sizes.
            colours: N wanted colours, None where any will do; by default any will do for all.

        Returns:
            `(N, C, height, width)` float32 in 0..1; C is 1 or 3, and one more with `colours`: how
            near each pixel is to the wanted colour, `exp(-distance / 64)` with the Euclidean
            distance of RGB values in 0..255, and 1 where any will do.

        Raises:
            CropShapeError: a picture is no such array.
            ValueError: there are not as many colours as pictures.
        """
        wanted: Sequence[Rgb | None] = [None] * len(pictures) if colours is None else colours
        batch = np.empty((len(pictures), self.channels, self.height, self.width), np.float32)
        for row, picture, colour in zip(batch, pictures, wanted, strict=True):
            check_picture(picture)
            self._fill(row, picture, colour)
        return batch

    def _fill(self, row: F32, picture: U8, colour: Rgb | None) -> None:
        """Write one picture; Args: row `(C, height, width)` float32, picture `(H, W, 3)` uint8."""
        fitted = self._fitted(Image.fromarray(picture))
        shown = fitted.convert("L") if self.grey else fitted
        shown, coloured = self._filtered(shown), fitted
        values = np.asarray(shown)
        if self.binarise:
            values = np.where(values > otsu_threshold(values), np.uint8(255), np.uint8(0))
        seen = 1 if self.grey else 3
        planes = values[None] if self.grey else values.transpose(2, 0, 1)
        np.multiply(planes, np.float32(SCALE), out=row[:seen])
        if self.colours:
            row[seen] = 1 if colour is None else _nearness(self._filtered(coloured), colour)

    def _fitted(self, picture: Image.Image) -> Image.Image:
        if self.fit == "stretch":
            return picture.resize((self.width, self.height), Image.Resampling.LANCZOS)
        width = min(max(round(picture.width * self.height / picture.height), 1), self.width)
        resized = picture.resize((width, self.height), Image.Resampling.LANCZOS)
        if width == self.width:
            return resized
        padding = ((0, 0), (0, self.width - width), (0, 0))
        return Image.fromarray(np.pad(np.asarray(resized), padding, mode="edge"))

    def _filtered(self, picture: Image.Image) -> Image.Image:
        if self.smooth > 1:
            picture = picture.filter(ImageFilter.MedianFilter(self.smooth))
        if self.blur > 0:
            picture = picture.filter(ImageFilter.GaussianBlur(self.blur))
        return picture


def otsu_threshold(grey: U8) -> int:
    """The level that parts dark from light with the greatest variance between the two.

    N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979.

    Args:
        grey: `(H, W)` uint8.

    Returns:
        The last dark level, 0..255; the lowest of several that are as good. A picture of one level
        has no other side: 0.
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    dark = np.cumsum(counts)
    light = dark[-1] - dark
    sums = np.cumsum(counts * np.arange(256))
    # n1 n2 (m1 - m2)^2, with the sums in place of the means.
    between = np.zeros(256)
    both = (dark > 0) & (light > 0)
    gap = sums[both] / dark[both] - (sums[-1] - sums[both]) / light[both]
    between[both] = dark[both] * light[both] * gap**2
    return int(between.argmax())


def _nearness(picture: Image.Image, colour: Rgb) -> F32:
    """`(H, W)` float32 in 0..1."""
    away = np.asarray(picture, np.float32) - np.array(colour, np.float32)
    distance = np.sqrt((away * away).sum(axis=2))
    nearness: F32 = np.exp(-distance / np.float32(_NEARNESS_LEVELS))
    return nearness


def _number(value: str | float, name: str) -> float:
    if isinstance(value, str):
        raise ModelMetadataError(
            f"The options of the text model are not valid: {name} is not a number."
        )
    return float(value)


def _whole(value: str | float, name: str) -> int:
    number = _number(value, name)
    if number != int(number):
        raise ModelMetadataError(
            f"The options of the text model are not valid: {name} {number} is not whole."
        )
    return int(number)


def _flag(value: str | float, name: str) -> bool:
    number = _whole(value, name)
    if number not in (0, 1):
        raise ModelMetadataError(
            f"The options of the text model are not valid: {name} is neither 0 nor 1."
        )
    return number == 1
