"""Families: the kinds of puzzles that sites use, one module each."""

import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

from training.synthetic.errors import GenerateError
from training.synthetic.families.composite import COMPOSITE
from training.synthetic.families.icon_list import ICON_LIST
from training.synthetic.families.icon_strip import ICON_STRIP
from training.synthetic.families.icon_words import ICON_WORDS
from training.synthetic.families.latin import LATIN
from training.synthetic.families.mixed import MIXED
from training.synthetic.families.text_strip import TEXT_STRIP
from training.synthetic.families.text_words import TEXT_WORDS
from training.synthetic.ingredients.palette import Ingredient
from training.synthetic.puzzle import Family, PromptKind

FAMILIES = (TEXT_WORDS, TEXT_STRIP, ICON_LIST, ICON_STRIP, MIXED, COMPOSITE, LATIN, ICON_WORDS)


def find_families(names: str) -> tuple[Family, ...]:
    """The families that a command names.

    Args:
        names: Names of `FAMILIES`, `module:object` for families of one's own (modules are also
            looked for in the current folder), or `all`; several separated by commas.

    Raises:
        GenerateError: there is no such family, or two of them have the same name.
    """
    known = {family.name: family for family in FAMILIES}
    found: list[Family] = []
    for name in (part.strip() for part in names.split(",")):
        if name == "all":
            found += FAMILIES
        elif ":" in name:
            found.append(_own_family(name))
        elif name in known:
            found.append(known[name])
        else:
            raise GenerateError(
                f"There is no family {name!r}; use all, some of {', '.join(known)}, or "
                "module:object for a family of your own."
            )
    families = tuple(dict.fromkeys(found))
    taken: set[str] = set()
    for family in families:
        if family.name in taken:
            raise GenerateError(
                f"Two different families are called {family.name!r}; give yours another name."
            )
        taken.add(family.name)
    return families


def _own_family(place: str) -> Family:
    """The family that `module:object` names."""
    module_name, _, object_name = place.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = import_module(module_name)
    except Exception as error:
        raise GenerateError(
            f"The module of the family {place!r} cannot be imported ({type(error).__name__}: "
            f"{error}); name a module of the current folder or of this environment."
        ) from error
    family = getattr(module, object_name, None)
    if not isinstance(family, Family):
        raise GenerateError(
            f"The family {place!r} cannot be used, because {object_name!r} in that module is no "
            "Family of training.synthetic.puzzle; see docs/generator.md."
        )
    problem = _problem(family)
    if problem:
        raise GenerateError(f"The family {place!r} cannot be used, because {problem}.")
    return family


def _problem(family: Family) -> str:
    """What is wrong with the fields of a family, which no type checker may have seen."""
    if not family.name or not family.name.replace("-", "").replace("_", "").isalnum():
        return f"its name {family.name!r} has more than letters, digits, - and _"
    if family.prompt not in get_args(PromptKind):
        return f"its prompt is {family.prompt!r} and none of {', '.join(get_args(PromptKind))}"
    unknown = sorted(set(family.needs) - set(get_args(Ingredient)))
    if unknown:
        return f"it needs {', '.join(unknown)}; ingredients are {', '.join(get_args(Ingredient))}"
    return ""
