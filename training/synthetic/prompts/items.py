"""Items of prompt pictures, as one prompt shows them."""

from numpy.random import Generator

from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.ingredients.shapes import ShapeCollection
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.characters import DIGITS, LEVEL_1, LEVEL_2, LOWER, UPPER
from training.synthetic.items.item import IconItem, Item, TextItem

_SPARSE = (
    "一二三十七八九几了刀力又人入儿丁乃卜匕万上下个丫义之于干工土士才大丈与久么小口山川千乞"
    "夕广亡门己已弓飞习叉马井开夫天无专云木五不太犬区历友尤匹比互切瓦止少日中内水贝见午牛手"
)
"""Characters of few strokes, which noise breaks up and which lines resemble."""


class PromptItems:
    """Chooses items from the ingredients of one split.

    Args:
        palette: Ingredients; at least Chinese faces and icons.
    """

    def __init__(self, palette: Palette) -> None:
        self._icon_collections = palette.icons
        self._han = by_design(palette.han)
        self._latin = by_design(palette.latin or palette.han)
        split = palette.icons[0].split if palette.icons else "train"
        self._shape_collection: IconCollection = ShapeCollection.of(split)

    def choose(self, count: int, rng: Generator) -> list[Item]:
        """So many items of one kind, now and then of several."""
        kind = rng.random()
        if kind < 0.33:
            return self._characters(count, rng)
        if kind < 0.50:
            return self._letters(count, rng)
        if kind < 0.74:
            return self._icons(count, rng)
        if kind < 0.92:
            return self._shapes(count, rng)
        kinds = (self._characters, self._letters, self._icons, self._shapes)
        pools = [choose(count, rng) for choose in kinds]
        return [pools[int(rng.integers(len(pools)))][i] for i in range(count)]

    def _characters(self, count: int, rng: Generator) -> list[Item]:
        face = random_face(self._han, rng)
        pool = LEVEL_1 if rng.random() < 0.8 else LEVEL_2
        sparse = rng.random() < 0.2
        found: list[Item] = []
        while len(found) < count:
            some = _SPARSE if sparse and rng.random() < 0.5 else pool
            word = some[int(rng.integers(len(some)))]
            if face.covers(word):
                found.append(TextItem(word, face))
            elif rng.random() < 0.05:
                face, pool = random_face(self._han, rng), LEVEL_1
        return found

    def _letters(self, count: int, rng: Generator) -> list[Item]:
        face = random_face(self._latin, rng)
        pools = (DIGITS + UPPER, UPPER, DIGITS, DIGITS + UPPER + LOWER, LOWER)
        pool = pools[int(rng.integers(len(pools)))]
        words: list[Item] = []
        length = 2 if rng.random() < 0.12 else 1
        while len(words) < count:
            word = "".join(pool[int(rng.integers(len(pool)))] for _ in range(length))
            if not face.covers(word):
                face = random_face(self._latin, rng)
                continue
            words.append(TextItem(word, face))
        return words

    def _icons(self, count: int, rng: Generator) -> list[Item]:
        collections = self._icon_collections
        collection = collections[int(rng.integers(len(collections)))]
        return [IconItem(collection, int(rng.integers(len(collection)))) for _ in range(count)]

    def _shapes(self, count: int, rng: Generator) -> list[Item]:
        shapes = self._shape_collection
        return [IconItem(shapes, int(rng.integers(len(shapes)))) for _ in range(count)]
