"""Similarity of icons at any rotation, and mirrored icons, which are hard negatives."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from training.synthetic.ingredients.store import DerivedCollection, IconCollection
from training.synthetic.items.glyphs import icon_layers
from training.synthetic.items.item import IconItem

U8 = NDArray[np.uint8]
C64 = NDArray[np.complex64]

SAME_SHAPE = 0.72
"""Similarity from which a rotated icon may be mistaken for another one."""


class Mirrored(DerivedCollection):
    """A collection with every icon mirrored, under names of its own."""

    @classmethod
    def of(cls, collection: IconCollection) -> "Mirrored":
        """The mirrored version of a collection."""
        return cls.derive(collection, "~", monochrome=collection.monochrome)

    def picture(self, i: int) -> U8:
        """The i-th icon, mirrored; `(96, 96, 4)` uint8 RGBA."""
        return np.ascontiguousarray(self.source.picture(i)[:, ::-1])


@lru_cache(maxsize=20_000)
def rotation_signature(item: IconItem) -> C64:
    """The silhouette of an icon in a form that compares it at every rotation: `(13, 9)` complex64.

    The silhouette is sampled at 24 angles and 9 radii and normalised; with its Fourier transform
    over the angles, the comparison at every rotation is one product.
    """
    alpha = icon_layers(item.collection, item.index, 24).getchannel("A")
    side = max(alpha.size)
    frame = Image.new("L", (side, side))
    frame.paste(alpha, ((side - alpha.width) // 2, (side - alpha.height) // 2))
    small = np.asarray(frame.resize((24, 24), Image.Resampling.BOX), np.float32)
    angles = np.arange(24)[:, None] * (2 * np.pi / 24)
    radii = np.linspace(1.5, 11.5, 9)[None, :]
    # Between pixels, or a rotation by a right angle would not sample the same values.
    places = np.stack([11.5 + radii * np.sin(angles), 11.5 + radii * np.cos(angles)])
    read = ndimage.map_coordinates(small, places.reshape(2, -1), order=1).reshape(24, -1)
    # Far rings hold more of the picture than near ones.
    polar = (read - small.mean()) * np.sqrt(radii)
    polar /= max(float(np.linalg.norm(polar)), 1e-6)
    return np.fft.rfft(polar, axis=0).astype(np.complex64)


def likeness(first: C64, others: Sequence[C64]) -> float:
    """Largest correlation of an icon with any of the others at any rotation, -1..1."""
    if not others:
        return -1.0
    products = (first[None] * np.conj(np.stack(others))).sum(axis=2)
    return float(np.fft.irfft(products, n=24, axis=1).max())
