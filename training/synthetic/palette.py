"""Palettes: the ingredients of one split, at hand for drawing."""

from dataclasses import dataclass

from training.synthetic.catalogue import Split
from training.synthetic.colouring import with_coloured
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.shapes import ShapeCollection
from training.synthetic.store import FontFace, IconCollection, IngredientStore, Photo


@dataclass(frozen=True, slots=True)
class Palette:
    """The ingredients of one split.

    Attributes:
        han: Chinese faces.
        latin: Faces for letters and digits.
        icons: Icon collections.
        photos: Background photos.
        reference: The Chinese face whose shapes say which characters look alike; None where each
            face says it for itself.
    """

    han: tuple[FontFace, ...]
    latin: tuple[FontFace, ...]
    icons: tuple[IconCollection, ...]
    photos: tuple[Photo, ...]
    reference: FontFace | None = None

    @classmethod
    def of(cls, store: IngredientStore, split: Split) -> "Palette":
        """What a store has for a split; the icons to train on also coloured in, and shapes."""
        han = store.fonts(split, "han")
        icons = store.icons(split)
        return cls(
            han,
            store.fonts(split, "latin"),
            (*with_coloured(icons), ShapeCollection.of(split))
            if split == "train" and icons
            else icons,
            store.photos(split),
            max(han, key=lambda face: len(face.characters()), default=None),
        )

    def check(self, family: str) -> None:
        """Make sure that a family can be drawn.

        Raises:
            IngredientsMissingError: it needs a kind of ingredient of which there is none.
        """
        needs = {
            "text-words": ("han",), "text-strip": ("han",), "icon-list": ("icons",),
            "icon-strip": ("icons",), "mixed": ("han", "icons"), "composite": ("han",),
            "latin": ("latin",),
        }[family]  # fmt: skip
        names = {"han": "Chinese font", "latin": "Latin font", "icons": "icon collection"}
        for need in needs:
            if not getattr(self, need):
                raise IngredientsMissingError(
                    f"The family {family} needs at least one {names[need]} in this split, and "
                    "there is none; run `clickorder ingredients`."
                )
