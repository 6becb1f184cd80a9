"""Imprinting: a symbol that was never trained starts from what the trunk sees of its glyph.

The trunk learns to map two pictures of one character to one direction long before nine thousand
symbols have been seen often enough to be named. The mean direction of a symbol's glyph in a few
fonts is therefore a better start of its row of weights than chance. (H. Qi, M. Brown, D. Lowe:
Low-Shot Learning with Imprinted Weights, CVPR 2018.)
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from training.crop_inputs import network_input
from training.joint_model import JointModel, features_of
from training.synthetic.crops import View
from training.synthetic.glyphs import text_mask
from training.synthetic.store import FontFace, IngredientStore

U8 = NDArray[np.uint8]

IMPRINT_STEP = 1_000
"""When a new trunk has learned enough for it."""

_SIZE_PX = 44
_LOGIT_SCALE = 24.0
"""Logit of a crop that looks exactly like the glyph, where any other symbol has about 0."""


def imprint(
    model: JointModel, faces: Sequence[FontFace], symbols: Sequence[str], device: str
) -> int:
    """Set the weights of symbols from their glyphs; what no face draws is left as it is.

    Args:
        model: With a charset; in evaluation mode.
        faces: To draw the glyphs in; a few designs do.
        symbols: Of the charset.
        device: Where the model is.

    Returns:
        The number of symbols set.
    """
    if model.characters is None:
        return 0
    places = {symbol: at for at, symbol in enumerate(model.charset)}
    crops: list[U8] = []
    owners: list[int] = []
    for symbol in symbols:
        for face in faces:
            if face.covers(symbol):
                crops.append(glyph_crop(face, symbol))
                owners.append(places[symbol])
    if not crops:
        return 0
    features = features_of(model, np.stack(crops), device)
    # Features have unit variance, so that their length is nearly the same for all crops.
    length = features.norm(dim=1).mean()
    directions = functional.normalize(features, dim=1)
    layer = model.characters.symbols
    sums = torch.zeros_like(layer.weight)
    at = torch.tensor(owners, device=sums.device)
    sums.index_add_(0, at, directions)
    known = torch.unique(at)
    with torch.no_grad():
        layer.weight[known] = functional.normalize(sums[known], dim=1) * (_LOGIT_SCALE / length)
        layer.bias[known] = 0
    return len(known)


def imprint_all(model: JointModel, device: str) -> None:
    """Imprint every symbol of the charset that the training fonts draw.

    Args:
        model: In evaluation mode.
        device: Where it is.
    """
    store = IngredientStore.open()
    faces = (
        *broad_faces(store.fonts("train", "han")),
        *broad_faces(store.fonts("train", "latin"), 2),
    )
    imprint(model, faces, model.charset, device)


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
