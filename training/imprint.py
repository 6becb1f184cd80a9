"""Imprinting: a symbol's row of weights starts from what the trunk sees of its glyph.

The trunk learns to map two pictures of one character to one direction long before nine thousand
symbols have been seen often enough to be named. The mean direction of a symbol's glyph in a few
fonts is therefore a better row than chance, and stays one when it is taken again as the trunk goes
on learning; training only adds to it. (H. Qi, M. Brown, D. Lowe: Low-Shot Learning with Imprinted
Weights, CVPR 2018.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from siamese.network import SIDE_PX
from training.crop_inputs import network_input
from training.joint_model import JointModel, features_of
from training.synthetic.crops import View
from training.synthetic.glyphs import text_mask
from training.synthetic.store import FontFace, IngredientStore

U8 = NDArray[np.uint8]

IMPRINT_STEP = 1_000
"""From when on: by then a new trunk has learned enough for it."""

_SIZE_PX = 44
_LOGIT_SCALE = 24.0
"""Logit of a crop that looks exactly like the glyph, where any other symbol has about 0."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Pictures of symbols.

    Attributes:
        crops: `(N, 64, 64, 3)` uint8 RGB, black on white.
        owners: `(N,)` int64, the symbol of each, as its place in the charset.
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


def imprint(model: JointModel, glyphs: Glyphs, device: str) -> int:
    """Set the part of the rows that comes from glyphs; symbols without one are left as they are.

    Args:
        model: In evaluation mode.
        glyphs: Of its charset.
        device: Where the model is.

    Returns:
        The number of symbols set.
    """
    if model.characters is None or model.characters.glyphs is None or not len(glyphs.crops):
        return 0
    features = features_of(model, glyphs.crops, device)
    # Features have unit variance, so that their length is nearly the same for all crops.
    length = features.norm(dim=1).mean()
    directions = functional.normalize(features, dim=1)
    rows = model.characters.glyphs
    sums = torch.zeros_like(rows)
    at = torch.from_numpy(glyphs.owners).to(sums.device)
    sums.index_add_(0, at, directions)
    known = torch.unique(at)
    with torch.no_grad():
        rows[known] = functional.normalize(sums[known], dim=1) * (_LOGIT_SCALE / length)
    return len(known)


class Imprinter:
    """Imprints every symbol of a charset that the training fonts draw; draws them only once."""

    def __init__(self, charset: Sequence[str]) -> None:
        self._charset = tuple(charset)
        self._glyphs: Glyphs | None = None

    def __call__(self, model: JointModel, device: str) -> None:
        """Set the rows of a model in evaluation mode."""
        if self._glyphs is None:
            store = IngredientStore.open()
            faces = (
                *broad_faces(store.fonts("train", "han")),
                *broad_faces(store.fonts("train", "latin"), 2),
            )
            self._glyphs = Glyphs.of(faces, self._charset)
        imprint(model, self._glyphs, device)

    def separate(self, model: JointModel, device: str) -> None:
        """Take the rows of exported weights, which are sums, apart into their two parts."""
        self(model, device)
        if model.characters is not None and model.characters.glyphs is not None:
            with torch.no_grad():
                model.characters.symbols.weight -= model.characters.glyphs


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
