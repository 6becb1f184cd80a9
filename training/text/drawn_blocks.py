"""Batches of text pictures that worker processes draw."""

from dataclasses import dataclass

from classifier.text_preprocess import TextPreprocess
from training.text.blocks import BLOCK, POOL_PICTURES, TextBlock, TextLoader, prepared
from training.text.synthetic import TRAINING, DrawingPlan, TextDrawer


@dataclass(frozen=True, slots=True)
class DrawnBlocks:
    """Makes the source of a worker that draws; picklable.

    Attributes:
        plan: What to draw.
        preprocess: What is done to it.
        size: Pictures in a block.
        seed: Random seed of the run.
        step: Where it begins: a resumed run must not draw the same pictures again.
    """

    plan: DrawingPlan
    preprocess: TextPreprocess
    size: int
    seed: int
    step: int

    def __call__(self, worker: int) -> "DrawnSource":
        """The source of one worker."""
        return DrawnSource(self, worker)


class DrawnSource:
    """Draws blocks of pictures."""

    def __init__(self, make: DrawnBlocks, worker: int) -> None:
        self._make = make
        self._drawer = TextDrawer(make.plan, TRAINING, make.seed, make.step, worker)

    def block(self, kind: str) -> TextBlock:
        """The next pictures of a kind."""
        return drawn_block(self._drawer, kind, self._make.preprocess, self._make.size)


def drawn_block(drawer: TextDrawer, kind: str, preprocess: TextPreprocess, count: int) -> TextBlock:
    """Draw pictures of one kind."""
    drawn = [drawer.draw(kind) for _ in range(count)]
    batch = preprocess.to_batch([d.picture for d in drawn], [d.colour for d in drawn])
    return TextBlock(prepared(batch), tuple(preprocess.rule.apply(d.text) for d in drawn))


def drawing_loader(
    make: DrawnBlocks, shares: dict[str, int], batch: int, *, workers: int, uses: int
) -> TextLoader:
    """A loader of drawn pictures.

    Args:
        make: Makes the workers' sources; the size of its blocks is set here.
        shares: Shares of each kind.
        batch: Pictures in a step, about.
        workers: Processes.
        uses: How often a picture is used at most.
    """
    total = sum(shares.values())
    times = max(1, batch // (BLOCK * total))
    size = max(1, batch // (times * total))
    make = DrawnBlocks(make.plan, make.preprocess, size, make.seed, make.step)
    kinds = {kind: share * times for kind, share in shares.items()}
    # The seed of the loader numbers the workers; the run's is in `make`.
    pool = POOL_PICTURES // size
    return TextLoader(make, kinds, seed=0, workers=workers, pool_blocks=pool, uses=uses)
