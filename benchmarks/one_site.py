"""Pictures of single sites: one font or icon collection, one way of drawing, few names.

    python benchmarks/one_site.py runs/sites --sites 3 --count 200 --names 40
    python benchmarks/label_actions.py runs/sites/* --known-names

The sets of `benchmarks/puzzles` change their look from picture to picture and hardly ever repeat a
name; who labels their own pictures has one look, and names that come again. What each site looks
like is drawn from the generator's ranges, with the ingredients of the test split; nothing is chosen
by hand. Every item is asked for, so that the set knows the names of all.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.random import Generator

from clickorder.terminal import through
from labels.puzzles import Puzzle, write_puzzles
from training.synthetic.grounds import photo_ground
from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.characters import LEVEL_1
from training.synthetic.items.item import Item, Motion, TextItem, distinct_icons, random_motion
from training.synthetic.items.styles import Style, random_style
from training.synthetic.scenes import Spacing, compose, place

Kind = Literal["characters", "icons"]

_ITEMS = (4, 7)
_ATTEMPTS = 60


@dataclass(frozen=True, slots=True)
class Site:
    """What all pictures of a site share.

    Attributes:
        items: All that it ever shows.
        size: Width and height of its pictures.
        item_px: Smallest and largest size of an item.
        style: How items are painted.
        motion: How far they turn and bend.
    """

    items: tuple[Item, ...]
    size: tuple[int, int]
    item_px: tuple[float, float]
    style: Style
    motion: Motion

    @classmethod
    def of(cls, kind: Kind, palette: Palette, names: int, rng: Generator) -> "Site":
        """A site like any other.

        Args:
            kind: What it shows.
            palette: Ingredients.
            names: How many different items it has.
            rng: The only source of chance.
        """
        items: tuple[Item, ...]
        if kind == "icons":
            collection = palette.icons[int(rng.integers(len(palette.icons)))]
            items = tuple(distinct_icons((collection,), names, rng))
        else:
            face = palette.han[int(rng.integers(len(palette.han)))]
            known = [character for character in LEVEL_1 if face.covers(character)]
            items = tuple(
                TextItem(known[int(i)], face) for i in rng.permutation(len(known))[:names]
            )
        width = int(rng.integers(280, 401))
        smallest = float(rng.uniform(26, 46))
        return cls(
            items,
            (width, round(width * float(rng.uniform(0.5, 0.65)))),
            (smallest, 1.2 * smallest),
            random_style(rng),
            random_motion(rng, icons=kind == "icons"),
        )


def draw_site(
    folder: Path, name: str, site: Site, palette: Palette, count: int, seed: int
) -> Iterator[Puzzle]:
    """Draw the pictures of a site and write them; the lines of the set are the caller's.

    Args:
        folder: Made when missing.
        name: Name of the site, its puzzles' family.
        site: What it looks like.
        palette: Where photos are from.
        count: How many pictures.
        seed: The same one draws the same pictures.

    Yields:
        Each puzzle when its picture is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        rng = np.random.default_rng([seed, number, zlib.crc32(name.encode())])
        for _ in range(_ATTEMPTS):
            chosen = rng.permutation(len(site.items))[: int(rng.integers(*_ITEMS))]
            items = [site.items[int(i)] for i in chosen]
            poses = [site.motion.pose(float(rng.uniform(*site.item_px)), rng) for _ in items]
            ground = photo_ground(site.size, palette.photos, rng)
            pairs = list(zip(items, poses, strict=True))
            placed = place(ground, pairs, site.style, Spacing(3), rng)
            if placed is not None:
                break
        else:
            raise RuntimeError(f"No picture of {name} had room for its items.")
        words = tuple(item.word for item in items)
        data = BytesIO()
        compose(ground, placed).save(data, "JPEG", quality=88)
        file = f"{name}-{number:04d}.jpg"
        (folder / file).write_bytes(data.getvalue())
        boxes = tuple(one.box for one in placed)
        yield Puzzle(file[:-4], file, {"words": words}, words, boxes, family=name)


def main(
    out: Annotated[Path, typer.Argument(help="A folder is made here for each site.")],
    sites: Annotated[int, typer.Option(min=1, help="How many of characters, and of icons.")] = 3,
    count: Annotated[int, typer.Option(min=1, help="Pictures of each site.")] = 200,
    names: Annotated[int, typer.Option(min=6, help="Different items that a site has.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other sites.")] = 0,
) -> None:
    """Draw puzzle sets, each of a single site with few names."""
    from labels.errors import PuzzleSetError
    from training.synthetic.errors import IngredientsMissingError
    from training.synthetic.ingredients.store import IngredientStore

    try:
        palette = Palette.of(IngredientStore.open(), "test")
        palette.check("mixed")
        kinds: tuple[Kind, ...] = ("characters", "icons")
        for kind in kinds:
            for number in range(1, sites + 1):
                rng = np.random.default_rng([seed, number, zlib.crc32(kind.encode())])
                site, name = Site.of(kind, palette, names, rng), f"{kind}-{number}"
                drawn = draw_site(out / name, name, site, palette, count, seed)
                write_puzzles(out / name, list(through(f"Drawing {name}", drawn, count)))
    except (IngredientsMissingError, PuzzleSetError) as error:
        typer.echo(f"one_site: {error}", err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    typer.run(main)
