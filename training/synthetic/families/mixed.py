"""Characters and icons together, as one prompt picture."""

from numpy.random import Generator

from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.puzzle_strips import draw_with_strip
from training.synthetic.selection import Selection, random_counts, select_characters, select_icons


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    characters, icons = select_characters(palette, rng), select_icons(palette, rng)
    if characters is None or icons is None:
        return None
    targets, decoys = random_counts(rng)
    targets = max(2, targets)
    pool = [
        (item, one.motions[0])
        for one in (characters, icons)
        for item in (*one.targets, *one.decoys)
    ]
    # At least one of each kind among the targets.
    first = [pool[0], pool[-1]]
    rest = [pool[1:-1][int(i)] for i in rng.permutation(len(pool) - 2)]
    chosen = [*first, *rest[: targets - 2]]
    others = [pair for pair in rest[targets - 2 :] if pair[0] not in [item for item, _ in chosen]]
    order = rng.permutation(len(chosen))
    pairs = [*[chosen[int(i)] for i in order], *others[:decoys]]
    items, motions = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    selection = Selection(items[: len(chosen)], items[len(chosen) :], motions, least_px=18)
    return draw_with_strip(selection, palette, rng)


MIXED = Family("mixed", prompt="image", needs=("han", "icons"), draw=_draw)
