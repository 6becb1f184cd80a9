"""The normalisation of every model, against its formula written out, bit by bit."""

import numpy as np
import pytest
from PIL import Image

from modelfile.tensors import normalised

PIXELS = np.random.default_rng(7).integers(0, 256, (3, 5, 4, 3), np.uint8)
NO_MEAN, NO_STD = (0.0,) * 3, (1.0,) * 3


@pytest.mark.parametrize("colour", ["RGB", "BGR", "GRAY"])
@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (NO_MEAN, NO_STD),
        ((0.5, 0.0, 0.25), NO_STD),
        (NO_MEAN, (0.25, 1.0, 2.0)),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
    ids=["neither", "mean", "std", "both"],
)
@pytest.mark.parametrize("scale", [1.0, 1 / 255])
def test_it_is_the_formula(colour, mean, std, scale):
    if colour == "GRAY":
        mean, std = mean[:1], std[:1]
        channels = np.stack(
            [np.asarray(Image.fromarray(p).convert("L"))[..., None] for p in PIXELS]
        )
    else:
        channels = PIXELS[..., :: 1 if colour == "RGB" else -1]
    values = channels.astype(np.float32) * np.float32(scale)
    wanted = (values - np.array(mean, np.float32)) / np.array(std, np.float32)
    found = normalised(PIXELS, colour=colour, scale=scale, mean=mean, std=std)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, wanted.transpose(0, 3, 1, 2))
