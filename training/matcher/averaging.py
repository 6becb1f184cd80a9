"""Average of the weights of several runs: often better than each of them, and as fast as one.

Runs that began with the same weights lie close enough to each other for their mean to work; what
each of them learnt too much of its own last crops evens out. The trunk's normalisation and the
rows of the symbols do not average well, and are made anew from drawn crops.
(Wortsman et al. 2022, "Model soups".)
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from labels.console import say
from training.core.checkpoint import load_checkpoint, save_checkpoint
from training.core.run_folder import RunFolder, code_revision
from training.errors import TrainingError
from training.matcher.imprinting import Imprinter
from training.matcher.joint_model import JointModel, restore, to_input
from training.matcher.match_metrics import measures
from training.matcher.run import export_run
from training.matcher.settings import Settings
from training.matcher.synthetic_blocks import KINDS, SyntheticBlocks, draw_trials

_BLOCKS = 30
_BATCH = 96


class AveragingError(TrainingError):
    """The weights of these runs have no mean."""


def average_runs(
    runs: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    weights: Sequence[float] = (),
    seed: int = 91,
    cache: Path | None = None,
    console: Console | None = None,
) -> dict[str, float]:
    """Write a run folder with the mean of runs, measured, and its ONNX files.

    Args:
        runs: At least two runs of `train-siamese` with one charset; their last weights count.
        out: A new run folder.
        settings: Name, version and statement of the exported files, and how many trials.
        weights: One for each run; by default all count alike.
        seed: Random seed of the drawn crops.
        cache: Folder of the ingredients; None for the usual place.
        console: Says what each run and their mean solve.

    Returns:
        The measures of the mean.

    Raises:
        AveragingError: fewer than two runs, weights that do not fit, or different networks.
        RunError: `out` holds a run already.
    """
    console = console or Console(stderr=True)
    weights = weights or [1.0] * len(runs)
    if len(runs) < 2 or len(weights) != len(runs) or min(weights) <= 0:
        raise AveragingError(
            f"{len(runs)} runs and {len(weights)} weights have no mean; give at least two runs, "
            "and as many weights above 0, or none."
        )
    states = [load_checkpoint(RunFolder(run).last) for run in runs]
    charset = tuple(states[0]["charset"])
    config = {"trainer": "siamese", "mean of": [str(run) for run in runs], "weights": [*weights]}
    folder = RunFolder.start(out, config, resume=False)
    trials = draw_trials(settings.trials, charset, seed=seed, cache=cache)
    for run, state in zip(runs, states, strict=True):
        say(console, f"{run}: solves {_measured(state, trials)['solved']:.4f}")
    model = JointModel(charset)
    model.load_state_dict(_mean(runs, states, weights))
    _settle(model, charset, seed, cache)
    found = measures(model.eval(), trials, "cpu")
    say(console, f"{out}: solves {found['solved']:.4f}")
    step = max(int(state["step"]) for state in states)
    state = {"model": model.state_dict(), "charset": charset, "step": step, "best": found["solved"]}
    for file in (folder.best, folder.last):
        save_checkpoint(file, state)
    statement = settings.statement or _STATEMENT
    export_run(folder, replace(settings, statement=statement), trials, statement, code_revision())
    return found


_STATEMENT = (
    "Crops drawn by clickorder's own generator from free fonts, icon collections and photos "
    "(training split); no CAPTCHA of any site."
)


def _measured(state: dict[str, Any], trials: list[Any]) -> dict[str, float]:
    model = JointModel(tuple(state["charset"]))
    restore(model, state)
    return measures(model.eval(), trials, "cpu")


def _mean(
    runs: Sequence[Path], states: Sequence[dict[str, Any]], weights: Sequence[float]
) -> dict[str, Tensor]:
    """The weighted mean of all floating-point tensors; the others come from the first run."""
    first = states[0]["model"]
    for run, state in zip(runs, states, strict=True):
        shapes = {name: value.shape for name, value in state["model"].items()}
        alike = shapes == {name: value.shape for name, value in first.items()}
        if not alike or tuple(state["charset"]) != tuple(states[0]["charset"]):
            raise AveragingError(
                f"{run} has another network or charset than {runs[0]}; give runs that began with "
                "the same weights."
            )
    total = sum(weights)
    shares = [weight / total for weight in weights]
    return {
        name: sum(
            share * state["model"][name].float()
            for share, state in zip(shares, states, strict=True)
        ).to(value.dtype)
        if value.dtype.is_floating_point
        else value
        for name, value in first.items()
    }


def _settle(model: JointModel, charset: tuple[str, ...], seed: int, cache: Path | None) -> None:
    """Recompute what cannot be averaged: the normalisation statistics and the symbols' rows."""
    source = SyntheticBlocks(charset, cache=cache)(seed)
    blocks = [source.block(kind) for kind in KINDS * (_BLOCKS // len(KINDS))]
    crops = np.concatenate([side for block in blocks for side in (block.prompt, block.scene)])
    np.random.default_rng(seed).shuffle(crops)
    for layer in model.siamese.trunk.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over what comes
    model.train()
    with torch.no_grad():
        for start in range(0, len(crops) - _BATCH + 1, _BATCH):
            model.siamese.trunk(to_input(crops[start : start + _BATCH], "cpu"))
    model.eval()
    if charset:
        Imprinter(charset).every(model, "cpu")
