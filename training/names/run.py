"""A training run of the names network: crops, loop, export, prototypes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from labels.console import say
from siamese.network import Trunk
from siamese.vocabulary import shipped_vocabulary
from training.core.checkpoint import load_checkpoint
from training.core.device import default_device, use_threads
from training.core.initial_weights import starting_files
from training.core.memory import keep_freed_memory
from training.core.run_folder import RunFolder, code_revision
from training.matcher.joint_model import JointModel, restore
from training.matcher.onnx_import import state_of_onnx, unfold
from training.names.crops import NamedCrops, kept_crops
from training.names.export import export_names, names_metadata
from training.names.loop import CropBatches, MapBatches, NamesLoop, NamesModel
from training.names.settings import NamesRun

NETWORK_FILE = "names.onnx"

_PANELS = {
    "loss": ("loss_name", "loss_nothing"),
    "validation": ("solved", "box", "top5", "top1"),
    "learning rate": ("learning_rate",),
    "crops per second": ("crops_per_s",),
}
_COMPARED_CROPS = 48
_UNFOLDED_CROPS = 256
_STATEMENT = (
    "Crops of named icons drawn by the project's generator, from the icon collections, fonts and "
    "photos of the training split."
)


def run_training(options: NamesRun, console: Console | None = None) -> bool:
    """Train the names network and export it into the run's folder.

    Args:
        options: Options of the run.
        console: Where progress is shown.

    Returns:
        False where training was interrupted; then nothing is exported.

    Raises:
        TrainingError: something is wrong with the folder or the initial weights.
        IngredientsMissingError: there are no ingredients to draw with.
    """
    console = console or Console(stderr=True)
    schedule = options.schedule()
    keep_freed_memory()
    threads = use_threads(options.threads)
    torch.manual_seed(schedule.seed)
    files = () if options.resume else starting_files("siamese", options.start)
    config = {**asdict(options), "code": code_revision(), "things": len(shipped_vocabulary())}
    config |= {"out": str(options.out), "cache": options.cache and str(options.cache)}
    run = RunFolder.start(options.out, config, resume=options.resume)
    console.print(f"Training on {default_device()}, {threads} CPU thread(s).", highlight=False)
    crops = kept_crops(
        run.path, "train", "train", options.crops, options.seed,
        cache=options.cache, others=True, console=console,
    )  # fmt: skip
    trials = kept_crops(
        run.path, "validation", "validation", options.trials, options.seed,
        cache=options.cache, console=console,
    )  # fmt: skip
    names = max(len(shipped_vocabulary()), int(crops.labels.max()) + 1)
    model = NamesModel(names, frozen_blocks=options.frozen_blocks, dropout=options.dropout)
    if files:
        _begin_with(model, _matcher_trunk(files[0], crops))
    loop = NamesLoop(model, run, schedule, trials)
    if options.resume:
        loop.resume(finish=options.finish)
    if not loop.fit(_batches(crops, model, options, schedule.seed + loop.step, console)):
        return False
    file = export_run(run, options, trials)
    run.draw_curves(_PANELS)
    state = load_checkpoint(run.best)
    say(
        console,
        f"Best share of small puzzles solved {float(state['best']):.4f} at step {state['step']}; "
        f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB). Make its prototypes with "
        f"`clickorder names prototypes {file}`.",
    )
    return True


def _batches(
    crops: NamedCrops, model: NamesModel, options: NamesRun, seed: int, console: Console
) -> CropBatches | MapBatches:
    """Crops, or, where blocks are frozen, what these make of them."""
    if not options.frozen_blocks:
        model.to(default_device())
        return CropBatches(crops, options.batch, seed)
    with console.status("Running the frozen blocks over the crops ..."):
        batches = MapBatches(crops, model, options.batch, seed, views=options.views)
    model.to(default_device())
    return batches


def export_run(run: RunFolder, options: NamesRun, trials: NamedCrops) -> Path:
    """Export the best weights of a run, which may still be in progress.

    Args:
        run: With a best checkpoint.
        options: For names and version.
        trials: To compare on.
    """
    state = load_checkpoint(run.best)
    model = NamesModel(int(state["things"]))
    model.load_state_dict(state["model"])
    metadata = names_metadata(
        f"{options.name}-names",
        options.version,
        options.statement or _STATEMENT,
        code_revision(),
        {"validation_solved": round(float(state["best"]), 4)},
    )
    file = run.path / NETWORK_FILE
    export_names(model.network, metadata, file, trials.pictures[:_COMPARED_CROPS])
    return file


def _begin_with(model: NamesModel, trunk: Trunk) -> None:
    own = model.network.trunk.state_dict()
    model.network.trunk.load_state_dict({k: v for k, v in trunk.state_dict().items() if k in own})


def _matcher_trunk(file: Path, crops: NamedCrops) -> Trunk:
    """The trunk of a matcher, with normalisations that suit training."""
    matcher = JointModel()
    if file.suffix == ".onnx":
        restore(matcher, state_of_onnx(file))
        unfold(matcher, crops.pictures[:_UNFOLDED_CROPS])
        return matcher.siamese.trunk
    state: dict[str, Any] = load_checkpoint(RunFolder(file).best if file.is_dir() else file)
    restore(matcher, state)
    return matcher.siamese.trunk
