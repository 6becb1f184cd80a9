"""Steps of both trainers on given batches: run by one process, or by several under `torchrun`.

usage: joint_training.py FOLDER: each process leaves what it computed in FOLDER/RANK.pt
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from classifier.text_network import TextNetwork
from training.core import loop
from training.core.distributed import process_group, rank, share_batch_norms, world_size
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.matcher.joint_model import JointModel, LossWeights
from training.matcher.loop import Training
from training.matcher.pairs import Block
from training.text.blocks import TextBlock
from training.text.loop import Augmentation, StoppingCriteria, TextTraining
from training.text.measures import Alphabet

STEPS = 3
SEED = 5
SCHEDULE = Schedule(
    steps=STEPS, decay_steps=1, warmup_steps=1, rate=0.05, weight_decay=0.01, check_every=STEPS,
    patience=0, seed=SEED, minutes=0,
)  # fmt: skip
SHARES = {"pairs": (0, 14, 24), "scene": (0, 5, 5), "prompt": (0, 1, 4), "texts": (0, 9, 16)}
"""Where the share of each of two processes begins, and the end; one has no negatives of scenes."""


def own(what: str) -> slice:
    if world_size() == 1:
        return slice(None)
    return slice(*SHARES[what][rank() : rank() + 2])


class Given:
    """A loader of given batches; random numbers of a step are those of several processes."""

    drawn = 0

    def __init__(self, make) -> None:
        self.make = make
        self.step = 0

    def batch(self):
        torch.manual_seed(SEED + self.step)
        self.step += 1
        return self.make(np.random.default_rng(self.step))


def pairs(rng: np.random.Generator) -> Block:
    def crops(count: int, part: str) -> np.ndarray:
        return rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)[own(part)]

    count = SHARES["pairs"][-1]
    words = tuple(f"w{rng.integers(0, 20)}" for _ in range(count))
    labels = rng.integers(-1, 6, count)
    return Block(
        crops(count, "pairs"),
        crops(count, "pairs"),
        words[own("pairs")],
        labels[own("pairs")],
        crops(SHARES["scene"][-1], "scene"),
        crops(SHARES["prompt"][-1], "prompt"),
    )


def texts(rng: np.random.Generator) -> TextBlock:
    count = SHARES["texts"][-1]
    inputs = rng.integers(0, 256, (count, 1, 24, 48), dtype=np.uint8)
    words = tuple("".join(rng.choice(list("ab"), rng.integers(1, 4))) for _ in range(count))
    return TextBlock(inputs[own("texts")], words[own("texts")])


def matcher(run: RunFolder) -> Training:
    model = JointModel(tuple("abcdef"))
    # To a new network one crop is like another, and cosines magnify rounding a thousandfold; in one
    # process too, statistics are summed up in the same way.
    share_batch_norms(model)
    return Training(model, run, SCHEDULE, LossWeights(), lambda *_: {"m": 1.0}, "m", console=QUIET)


def reader(run: RunFolder) -> TextTraining:
    network = TextNetwork(3, 1, 24, 48, "ctc", 0, trunk="slim", dropout=0.0)
    return TextTraining(
        network, run, SCHEDULE, Alphabet("ab"), texts(np.random.default_rng(0)), Augmentation(0.0),
        enough=StoppingCriteria(), facts={}, console=QUIET,
    )  # fmt: skip


QUIET = Console(quiet=True)


def train(folder: Path) -> dict[str, object]:
    """Losses of each step and the weights after the last, of both trainers."""
    torch.set_num_threads(1)
    # In half precision the order of a sum would show.
    loop.half_precision = lambda _: nullcontext()
    found = {}
    for name, make, batch in (("matcher", matcher, pairs), ("reader", reader, texts)):
        torch.manual_seed(SEED)
        training = make(RunFolder.start(folder / name, {}, resume=False))
        # Adam's first steps are as long where a gradient is nothing but rounding.
        training._optimiser = torch.optim.SGD(training._model.parameters())
        losses = []
        of_step = training._losses

        def noted(given, of_step=of_step, losses=losses):
            loss, parts, count = of_step(given)
            losses.append((parts, count))
            return loss, parts, count

        gradients = []

        def ended(training=training, gradients=gradients):
            named = training._model.named_parameters()
            gradients.append({key: p.grad.clone() for key, p in named if p.grad is not None})

        training._losses = noted
        training.on_step_end = ended
        assert training.fit(Given(batch))
        state = {key: value.clone() for key, value in training._model.state_dict().items()}
        found[name] = {"losses": losses, "gradients": gradients[0], "state": state}
    return found


if __name__ == "__main__":
    with process_group():
        torch.save(train(Path(sys.argv[1])), Path(sys.argv[1]) / f"{rank()}.pt")
