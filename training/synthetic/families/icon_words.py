"""Icons, asked for by their names in one of three languages, now and then beside characters."""

from functools import lru_cache

from numpy.random import Generator

from siamese.vocabulary import LANGUAGES, Thing, shipped_vocabulary
from training.synthetic.background import draw_background
from training.synthetic.ingredients.named import NamedIcon, by_thing, named_icons
from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.characters import pick_characters
from training.synthetic.items.item import IconItem, Item, TextItem, random_motion
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.selection import Selection, random_counts

_WITH_CHARACTERS = 0.15
"""Share of the puzzles in which some items are characters."""

_ALIAS_SHARE = 0.2
"""Share of the words that are another name than the usual one."""

_TRIES = 60
_JOINING = frozenset(
    ["a", "an", "and", "of", "on", "the", "in", "with", "at", "to", "s", "off", "no", "up", "down"]
)


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    targets, decoys = random_counts(rng)
    targets = max(2, targets)
    language = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
    characters = 0
    if palette.han and rng.random() < _WITH_CHARACTERS:
        characters = int(rng.integers(1, targets))
    icons = _pick(palette.icons, targets + decoys - characters, rng)
    if icons is None:
        return None
    items: list[Item] = [IconItem(icon.collection, icon.index) for icon in icons]
    words = [_word(_thing(icon.thing), language, rng) for icon in icons]
    motions = [random_motion(rng, icons=True)] * len(items)
    if characters:
        face = random_face(by_design(palette.han), rng)
        texts = pick_characters(face, palette.reference or face, characters, rng)
        if len(texts) < characters or any(text in shipped_vocabulary() for text in texts):
            return None
        items = [*(TextItem(text, face) for text in texts), *items]
        words = [*texts, *words]
        motions = [*[random_motion(rng, icons=False)] * characters, *motions]
    order = [int(i) for i in rng.permutation(targets)]
    order += range(targets, len(items))
    things = [*[None] * characters, *(icon.thing for icon in icons)]
    items, words = [items[i] for i in order], [words[i] for i in order]
    motions, things = [motions[i] for i in order], [things[i] for i in order]
    selection = Selection(items[:targets], items[targets:], motions, least_px=20)
    background = draw_background(selection, palette, rng)
    if background is None:
        return None
    drawn = background.puzzle(selection.targets, "words", words=tuple(words[:targets]))
    shown = [item.word if isinstance(item, IconItem) else None for item in items]
    drawn.meta.update(language=language, things=things, icons=shown)
    return drawn


def _pick(
    collections: tuple[IconCollection, ...], count: int, rng: Generator
) -> list[NamedIcon] | None:
    """Icons of different things, mostly of one or two collections.

    No two of them have a word of their names in common: of a red and a green apple nobody can say
    which one "apple" is.
    """
    which = rng.choice(len(collections), size=1 if rng.random() < 0.6 else 2)
    drawings = [
        icons for at in dict.fromkeys(which.tolist()) for icons in _drawings(collections[at])
    ]
    if len(drawings) < count:
        return None
    found: list[NamedIcon] = []
    taken: set[str] = set()
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        icons = drawings[int(rng.integers(len(drawings)))]
        icon = icons[int(rng.integers(len(icons)))]
        parts = _parts(_thing(icon.thing))
        if not parts & taken:
            found.append(icon)
            taken |= parts
    return None


def _word(thing: Thing, language: str, rng: Generator) -> str:
    """A name of a thing, mostly the usual one."""
    names = thing.names[language]
    if len(names) > 1 and rng.random() < _ALIAS_SHARE:
        return names[int(rng.integers(1, len(names)))]
    return names[0]


def _parts(thing: Thing) -> frozenset[str]:
    """What two things must not share: words of their English names, and whole names."""
    english = {word for name in thing.names["en"] for word in name.replace("'", " ").split()}
    others = {name for language in LANGUAGES[1:] for name in thing.names[language]}
    return frozenset(english - _JOINING | others)


@lru_cache(maxsize=64)
def _drawings(collection: IconCollection) -> tuple[tuple[NamedIcon, ...], ...]:
    """The drawings of each thing that a collection draws."""
    return tuple(tuple(icons) for icons in by_thing(named_icons([collection])).values())


@lru_cache(maxsize=4096)
def _thing(id_: str) -> Thing:
    return shipped_vocabulary().thing(id_)


ICON_WORDS = Family("icon-words", prompt="words", needs=("icons", "names"), draw=_draw)
