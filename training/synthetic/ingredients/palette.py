"""Palettes: the ingredients of one split, at hand for drawing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from numpy.random import Generator

from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.colouring import with_coloured
from training.synthetic.ingredients.named import NamedIcon, named_icons
from training.synthetic.ingredients.shapes import ShapeCollection
from training.synthetic.ingredients.store import FontFace, IconCollection, IngredientStore, Photo

Ingredient = Literal["han", "latin", "icons", "photos", "names"]

_NAMES: dict[Ingredient, str] = {
    "han": "Chinese font",
    "latin": "Latin font",
    "icons": "icon collection",
    "photos": "photo",
    "names": "icon that the vocabulary has a name for",
}


@dataclass(frozen=True, slots=True)
class Palette:
    """The ingredients of one split.

    Attributes:
        han: Chinese faces.
        latin: Faces for letters and digits.
        icons: Icon collections.
        photos: Background photos.
        reference: The Chinese face by whose shapes look-alike characters are found; None for each
            face's own shapes.
    """

    han: tuple[FontFace, ...]
    latin: tuple[FontFace, ...]
    icons: tuple[IconCollection, ...]
    photos: tuple[Photo, ...]
    reference: FontFace | None = None

    @classmethod
    def of(cls, store: IngredientStore, split: Split) -> "Palette":
        """The ingredients of a split; for training also coloured-in icons and plain shapes."""
        han = store.fonts(split, "han")
        icons = store.icons(split)
        if split == "train" and icons:
            icons = (*with_coloured(icons), ShapeCollection.of(split))
        return cls(
            han,
            store.fonts(split, "latin"),
            icons,
            store.photos(split),
            max(han, key=lambda face: len(face.characters()), default=None),
        )

    @property
    def names(self) -> tuple[NamedIcon, ...]:
        """The icons that draw things of the vocabulary."""
        return tuple(named_icons(self.icons))

    def has(self, ingredient: Ingredient) -> bool:
        """Whether there is at least one."""
        return bool(getattr(self, ingredient))

    def check(self, family: str, needs: Iterable[Ingredient]) -> None:
        """Make sure that a family can be drawn.

        Args:
            family: Its name, for the message.
            needs: Ingredients that it cannot be drawn without.

        Raises:
            IngredientsMissingError: there is none of one of them.
        """
        for need in needs:
            if not self.has(need):
                raise IngredientsMissingError(
                    f"The family {family} needs at least one {_NAMES[need]} in this split, and "
                    "there is none; run `clickorder ingredients`."
                )


def by_design(faces: Sequence[FontFace]) -> list[list[FontFace]]:
    """Faces grouped by design, so that one with twenty weights does not crowd out the others."""
    designs: dict[str, list[FontFace]] = {}
    for face in faces:
        designs.setdefault(face.design, []).append(face)
    return [designs[name] for name in sorted(designs)]


def random_face(designs: Sequence[Sequence[FontFace]], rng: Generator) -> FontFace:
    """A face; each design is as likely as any other."""
    faces = designs[int(rng.integers(len(designs)))]
    return faces[int(rng.integers(len(faces)))]
