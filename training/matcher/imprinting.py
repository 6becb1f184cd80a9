"""Imprinting: a symbol's row of weights is what the trunk sees of its glyph.

The trunk learns to map two pictures of one character to one direction long before nine thousand
symbols have been seen often enough to be named. The mean direction of a symbol's glyph in a few
fonts is therefore its row (H. Qi, M. Brown, D. Lowe: Low-Shot Learning with Imprinted Weights,
CVPR 2018). The rows follow the trunk, some at every step, and are not learned themselves: learned
rows, or learned additions to these, came to name 41 % of hard crops where these name 60 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from siamese.network import SIDE_PX
from training.core.device import half_precision
from training.core.view import View
from training.matcher.crop_inputs import network_input
from training.matcher.joint_model import JointModel, features_of
from training.synthetic.ingredients.store import FontFace, IngredientStore
from training.synthetic.items.glyphs import text_mask

U8 = NDArray[np.uint8]

IMPRINT_STEP = 1_000
"""From when on: by then a new trunk has learned enough for it."""

_SIZE_PX = 44
_LOGIT_SCALE = 24.0
"""Logit of a crop that looks exactly like the glyph, where any other symbol has about 0."""

_AT_A_STEP = 128
"""Glyphs seen at a training step: a fifth of its work, and all within some 200 steps."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Pictures of symbols.

    Attributes:
        crops: `(N, 64, 64, 3)` uint8 RGB, black on white.
        owners: `(N,)` int64, the symbol of each, as its place in the charset, ascending.
    """

    crops: U8
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, faces: Sequence[FontFace], charset: Sequence[str]) -> "Glyphs":
        """Every symbol in every face that draws it; a few designs do."""
        drawn = [
            (glyph_crop(face, symbol), place)
            for place, symbol in enumerate(charset)
            for face in faces
            if face.covers(symbol)
        ]
        crops = [crop for crop, _ in drawn] or [np.zeros((0, SIDE_PX, SIDE_PX, 3), np.uint8)]
        owners = np.array([place for _, place in drawn], np.int64)
        return cls(np.stack(crops) if drawn else crops[0], owners)


class Imprinter:
    """Imprints the symbols of a charset that given faces draw; draws their glyphs only once.

    Args:
        charset: Charset of the models.
        faces: Draw the glyphs; None for the broadest training fonts.
        glyphs: Pictures of symbols that take the place of drawn ones; the rows of all other symbols
            then stay as they are.
    """

    def __init__(
        self,
        charset: Sequence[str],
        faces: Sequence[FontFace] | None = None,
        glyphs: Glyphs | None = None,
    ) -> None:
        self._charset = tuple(charset)
        self._faces = faces
        self._given = glyphs
        self._next = 0

    @cached_property
    def glyphs(self) -> Glyphs:
        """Glyphs of the charset, ordered by symbol."""
        if self._given is not None:
            return self._given
        if self._faces is None:
            store = IngredientStore.open()
            self._faces = (
                *broad_faces(store.fonts("train", "han")),
                *broad_faces(store.fonts("train", "latin"), 2),
            )
        return Glyphs.of(self._faces, self._charset)

    def prepare(self, model: JointModel) -> None:
        """Take the rows of a new model out of learning; until they are imprinted they say nothing.

        Symbols that no face draws stay at zero. Rows keep what they say where glyphs are given.
        """
        if model.characters is not None:
            if self._given is None:
                with torch.no_grad():
                    model.characters.symbols.weight.zero_()
                    model.characters.symbols.bias.zero_()
            model.characters.symbols.requires_grad_(False)

    def every(self, model: JointModel, device: str) -> None:
        """Set all rows of a model in evaluation mode."""
        self._imprint(model, device, slice(None))

    def some(self, model: JointModel, device: str) -> None:
        """Set the next few rows of a model in evaluation mode, so that all have their turn."""
        owners = self.glyphs.owners
        if not len(owners):
            return
        if self._next >= len(owners):
            self._next = 0
        # Whole symbols: all glyphs of the last one.
        last = min(self._next + _AT_A_STEP, len(owners)) - 1
        end = int(np.searchsorted(owners, owners[last], side="right"))
        self._imprint(model, device, slice(self._next, end))
        self._next = end

    def _imprint(self, model: JointModel, device: str, part: slice) -> None:
        crops = self.glyphs.crops[part]
        if model.characters is None or not len(crops):
            return
        with half_precision(device):
            features = features_of(model, crops, device)
        symbols, places = np.unique(self.glyphs.owners[part], return_inverse=True)
        sums = features.new_zeros(len(symbols), features.shape[1])
        at = torch.from_numpy(places).to(sums.device)
        sums.index_add_(0, at, functional.normalize(features, dim=1))
        rows = functional.normalize(sums, dim=1) * (_LOGIT_SCALE / model.characters.length)
        with torch.no_grad():
            known = torch.from_numpy(symbols).to(sums.device)
            model.characters.symbols.weight[known] = rows


def broad_faces(faces: Sequence[FontFace], count: int = 3) -> tuple[FontFace, ...]:
    """The faces that draw most characters, one of each design."""
    best: dict[str, FontFace] = {}
    for face in sorted(faces, key=lambda face: (-len(face.characters()), face.style != "Regular")):
        best.setdefault(face.design, face)
    return tuple(best.values())[:count]


def glyph_crop(face: FontFace, text: str) -> U8:
    """A word in black on white as the classifier is fed it, `(64, 64, 3)` uint8 RGB."""
    mask = text_mask(face, text, _SIZE_PX)
    border = 8
    picture = Image.new("RGB", (mask.width + 2 * border, mask.height + 2 * border), "white")
    picture.paste((0, 0, 0), (border, border), mask)
    box = (border, border, border + mask.width, border + mask.height)
    return network_input(View(np.asarray(picture), box), "classifier")
