"""Named icons: which icons of the collections draw the things of the vocabulary."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from siamese.vocabulary import Vocabulary, shipped_vocabulary
from training.synthetic.ingredients.store import DerivedCollection, IconCollection

# What the names of icons say of how a thing is drawn, not of what is drawn.
_WAYS = frozenset(
    [
        "outline",
        "outlined",
        "filled",
        "fill",
        "alt",
        "line",
        "sharp",
        "bold",
        "thin",
        "light",
        "duotone",
        "broken",
        "linear",
        "solid",
        "twotone",
        "variant",
        "simple",
        "regular",
        "micro",
        "mini",
        "small",
        "large",
        "big",
        "lg",
        "sm",
        "rounded",
        "round",
        "minimalistic",
        "profile",
        "color",
        "colour",
        "24px",
        "static",
        "flat",
        "angle",
        "01",
        "02",
    ]
)

_COMMON_DESIGNS = 2
"""Designs that must share a name before it counts as a common one."""

_PICTORIAL = frozenset({"fluent-emoji-flat", "openmoji", "noto", "twemoji", "game-icons"})
"""Collections that draw things, where the others draw what programs have buttons for."""

_BUTTONS: Mapping[str, str] = {
    "apple": "",
    "cricket": "cricket game",
    "cup": "hot beverage",
    "dizzy": "",
    "football": "",
    "location": "",
    "mirror": "",
    "mouse": "computer mouse",
    "pig": "",
    "radio": "",
    "ram": "",
    "run": "",
    "satellite": "",
    "scale": "",
    "seal": "",
    "school": "",
    "speaker": "",
    "station": "",
    "theater": "",
    "weight": "",
    "window": "",
}
"""Names that mean something else on a button, with the thing meant; "" for none of ours."""

_MEANT: Mapping[str, str] = {
    "carbon:anchor": "",
    "carbon:divide": "",
    "carbon:route": "",
    "carbon:router": "",
    "game-icons:hail": "",
    "game-icons:mortar": "",
    "game-icons:palm": "",
    "lucide:apple": "red apple",
    "mdi:hail": "",
    "mdi:radio": "radio",
    "ph:divide": "",
    "ph:radio": "radio",
    "solar:cup": "trophy",
    "solar:plate": "",
    "solar:radio": "radio",
    "tabler:apple": "red apple",
    "tabler:radio": "radio",
    "tabler:satellite": "satellite",
}
"""Icons, without what says how they are drawn, whose names mislead; seen on contact sheets."""


@dataclass(frozen=True, slots=True)
class NamedIcon:
    """An icon and what its name says that it draws.

    Attributes:
        thing: Id of the thing that it draws, or, of `commonly_named_icons`, the name itself.
        collection: Its collection.
        index: Position in `collection.names`.
    """

    thing: str
    collection: IconCollection
    index: int


def named_icons(
    collections: Iterable[IconCollection], vocabulary: Vocabulary | None = None
) -> list[NamedIcon]:
    """The icons that draw things, in the order of the collections.

    Args:
        collections: Where to look.
        vocabulary: The things; None for the shipped ones.
    """
    names = _IconNames(vocabulary or shipped_vocabulary())
    found = []
    for collection in collections:
        for index, name in enumerate(collection.names):
            thing = names.thing(collection, name)
            if thing:
                found.append(NamedIcon(thing, collection, index))
    return found


def commonly_named_icons(
    collections: Iterable[IconCollection], vocabulary: Vocabulary | None = None
) -> list[NamedIcon]:
    """Icons of other names that two designs or more share: signs, actions and rarer things.

    Nobody asks for them in a puzzle, but a network that learns what the vocabulary's drawings have
    in common learns more from these as well.

    Args:
        collections: Where to look.
        vocabulary: The things, whose icons are left out; None for the shipped ones.
    """
    names = _IconNames(vocabulary or shipped_vocabulary())
    groups: dict[str, list[NamedIcon]] = {}
    for collection in collections:
        for index, name in enumerate(collection.names):
            if names.thing(collection, name) is None:
                common = _without_ways(name)
                groups.setdefault(common, []).append(NamedIcon(common, collection, index))
    return [
        icon
        for _, icons in sorted(groups.items())
        if len({icon.collection.design for icon in icons}) >= _COMMON_DESIGNS
        for icon in icons
    ]


def _without_ways(icon: str) -> str:
    """The name of an icon without what says how it is drawn."""
    parts = _name_parts(icon)
    while len(parts) > 1 and (parts[-1] in _WAYS or parts[-1].isdigit()):
        parts.pop()
    return "-".join(parts)


def _name_parts(icon: str) -> list[str]:
    return [part for part in re.split(r"[-_ /]+", icon.rsplit("/", 1)[-1].casefold()) if part]


def by_thing(icons: Sequence[NamedIcon]) -> dict[str, list[NamedIcon]]:
    """The icons of each thing, things sorted."""
    groups: dict[str, list[NamedIcon]] = {}
    for icon in icons:
        groups.setdefault(icon.thing, []).append(icon)
    return dict(sorted(groups.items()))


class _IconNames:
    """English names, in whatever order of their parts, to things."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        usual: dict[frozenset[str], str] = {}
        others: dict[frozenset[str], set[str]] = {}
        for thing in vocabulary.things:
            usual.setdefault(_parts(thing.id), thing.id)
            for name in thing.names["en"]:
                others.setdefault(_parts(name), set()).add(thing.id)
        # A name of two things, none of which is usually called so, says nothing.
        alone = {parts: ids.pop() for parts, ids in others.items() if len(ids) == 1}
        self._things = alone | usual

    def thing(self, collection: IconCollection, icon: str) -> str | None:
        """The thing of an icon's name; None or "" where it names none."""
        source = _origin(collection)
        parts = _name_parts(icon)
        while parts:
            name = "-".join(parts)
            meant = _MEANT.get(f"{source}:{name}")
            if meant is None and source not in _PICTORIAL:
                meant = _BUTTONS.get(name)
            if meant is None:
                meant = self._things.get(_parts(" ".join(parts)))
            if meant is not None:
                return meant
            if parts[-1] not in _WAYS and not parts[-1].isdigit():
                return None
            parts.pop()
        return None


def _origin(collection: IconCollection) -> str:
    """Name of the collection that the icons come from."""
    while isinstance(collection, DerivedCollection):
        collection = collection.source
    return collection.name


@lru_cache(maxsize=65536)
def _parts(name: str) -> frozenset[str]:
    """The words of a name; of a word said twice one."""
    return frozenset(re.split(r"[^\w]+", name.casefold().replace("'s", "s").replace("’s", "s")))
