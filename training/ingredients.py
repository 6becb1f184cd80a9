"""Whether the generator has the fonts, icons and photos that it draws with."""

from pathlib import Path

from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.store import IngredientStore


def has_ingredients(cache: Path | None = None) -> bool:
    """Whether there is enough to draw puzzles with.

    Args:
        cache: Folder of the ingredients; None for the usual place.
    """
    try:
        store = IngredientStore.open(cache)
    except IngredientsMissingError:
        return False
    return bool(store.fonts("train", "han")) and bool(store.icons("train"))
