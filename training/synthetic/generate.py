"""Generation: processes draw a puzzle set; the same seed always draws the same set."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from labels.console import say
from labels.puzzle import parse_puzzle
from labels.puzzles import PUZZLES_FILE, PromptValue, Puzzle, PuzzleWriter
from training.synthetic.clipping import clipped_puzzle
from training.synthetic.errors import GenerateError, IngredientsMissingError
from training.synthetic.families import find_families
from training.synthetic.ingredients.catalogue import Split
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.store import IngredientStore
from training.synthetic.puzzle import Drawn, Family, draw_puzzle, encode_background

JOURNAL_FILE = "generate.journal.jsonl"
"""What is drawn already, while a set is drawn on a cluster."""

_CHUNK = 8
_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class _Task:
    """One puzzle to draw."""

    family: str
    split: Split
    seed: int
    number: int
    folder: Path
    clipped: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.family}-{self.number:05d}"


def run_generate(
    families: str,
    split: str,
    count: int,
    seed: int,
    out: Path,
    jobs: int,
    cache: Path | None = None,
    *,
    clipped: float = 0.0,
    on_ray: bool = False,
) -> None:
    """Draw `count` puzzles of each family into a new puzzle set.

    Args:
        families: Which families, as `find_families` reads them.
        split: `train`, `validation` or `test`: which fonts, icons and photos are used.
        count: Puzzles of each family.
        seed: The same seed, ingredients and library versions draw the same set.
        out: Folder of the new set.
        jobs: Processes.
        cache: Folder of the ingredients; None for the usual place.
        clipped: Probability that a background's border cuts through an item, 0..1; a puzzle that
            cannot be cut stays whole.
        on_ray: Draw on the Ray cluster that this process is connected to, whose nodes share `out`
            and `cache`. Where `out` holds the journal of a generation that was killed, go on there.

    Raises:
        GenerateError: an unknown family or split, a count under 1, or a family that draws nothing.
        IngredientsMissingError: a family needs ingredients of which there are none.
        PuzzleSetError: `out` already holds a set.
        JournalError: `out` holds the journal of another generation.
    """
    chosen = find_families(families)
    own_split = next((s for s in _SPLITS if s == split), None)
    if own_split is None:
        raise GenerateError(f"There is no split {split!r}; use one of {', '.join(_SPLITS)}.")
    if count < 1:
        raise GenerateError(f"{count} puzzles cannot be drawn; the count must be at least 1.")
    console = Console(stderr=True)
    store = _open_store(cache, console)
    palette = Palette.of(store, own_split)
    for family in chosen:
        palette.check(family.name, family.needs)
    for sentence in store.missing:
        say(console, f"Missing: {sentence}", "yellow")
    tasks = [
        _Task(family.name, own_split, seed, number, out, clipped)
        for family in chosen
        for number in range(1, count + 1)
    ]
    if on_ray:
        _generate_on_ray(tasks, families, cache, console)
        return
    # The first puzzles wait for fonts to be opened and look-alikes to be found: not in the rate.
    first_s = perf_counter()
    with (
        PuzzleWriter(out) as writer,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f} puzzles/s"),
            TimeRemainingColumn(),
            console=console,
        ) as progress,
    ):
        rate = 0.0
        bar = progress.add_task("Drawing", total=len(tasks), rate=rate)
        for done, puzzle in enumerate(_drawn(tasks, families, jobs, cache), start=1):
            writer.write(puzzle)
            if done == min(_CHUNK, len(tasks)):
                first_s = perf_counter()
            since_s = perf_counter() - first_s
            rate = (done - _CHUNK) / since_s if done > _CHUNK else 0.0
            progress.update(bar, advance=1, rate=rate)
    say(console, f"{len(tasks)} puzzles in {out}, {rate:.0f} puzzles/s with {jobs} processes.")


@dataclass(frozen=True, slots=True)
class _Start:
    """Makes what draws in a worker; picklable."""

    cache: Path | None
    families: str

    def __call__(self) -> Callable[[_Task], str]:
        _start_worker(self.cache, self.families)
        return lambda task: _draw(task).to_json()


def _generate_on_ray(
    tasks: Sequence[_Task], families: str, cache: Path | None, console: Console
) -> None:
    """Draw on a Ray cluster; the lines of the set are written once all of it is there."""
    from training.core.journal import Journal
    from training.core.ray_map import work_on_ray

    first = tasks[0]
    out = first.folder
    if (out / PUZZLES_FILE).exists():
        PuzzleWriter(out)  # Raises.
    job = {"generate": families, "split": first.split, "seed": first.seed}
    if first.clipped:
        job["clipped"] = first.clipped
    columns = TextColumn("Drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Journal(out / JOURNAL_FILE, job) as journal:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("Drawing", total=len(tasks))
            items = {task.id: task for task in tasks}
            for _ in work_on_ray(_Start(cache, families), items, journal):
                progress.advance(bar)
        with PuzzleWriter(out) as writer:
            for task in tasks:
                writer.write(parse_puzzle(journal.results[task.id]))
        journal.remove()
    say(console, f"{len(tasks)} puzzles in {out}.")


def _open_store(cache: Path | None, console: Console) -> IngredientStore:
    """The ingredients; if none were ever fetched, those of this machine."""
    try:
        return IngredientStore.open(cache)
    except IngredientsMissingError:
        from training.synthetic.ingredients.fetch import run_ingredients

        say(
            console,
            "No ingredients were fetched yet (`clickorder ingredients` does that); "
            "drawing with what this machine has.",
            "yellow",
        )
        run_ingredients(cache=cache, jobs=1, offline=True)
        return IngredientStore.open(cache)


def _drawn(
    tasks: Sequence[_Task], families: str, jobs: int, cache: Path | None
) -> Iterator[Puzzle]:
    """Puzzles in the order of `tasks`, their pictures written."""
    if jobs <= 1:
        _start_worker(cache, families)
        for task in tasks:
            yield _draw(task)
        return
    # Not fork: the parent may already run threads (progress bar).
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _start_worker, (cache, families)) as pool:
        chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
        for puzzles in pool.map(_draw_many, chunks):
            yield from puzzles


_store: IngredientStore | None = None
_palettes: dict[str, Palette] = {}
_families: dict[str, Family] = {}


def _start_worker(cache: Path | None, families: str) -> None:
    """Open the ingredients and load the families once for each process."""
    global _store
    _store = IngredientStore.open(cache)
    _palettes.clear()
    _families.clear()
    _families.update({family.name: family for family in find_families(families)})


def _draw_many(tasks: Sequence[_Task]) -> list[Puzzle]:
    return [_draw(task) for task in tasks]


def _draw(task: _Task) -> Puzzle:
    """Draw one puzzle and write its pictures; its randomness depends on nothing but the task."""
    assert _store is not None  # noqa: S101 (set by _start_worker)
    if task.split not in _palettes:
        _palettes[task.split] = Palette.of(_store, task.split)
    # crc32 and not hash(): the latter differs from process to process.
    names = [zlib.crc32(name.encode()) for name in (task.family, task.split)]
    rng = np.random.default_rng([task.seed, task.number, *names])
    drawn = draw_puzzle(_families[task.family], _palettes[task.split], rng)
    if task.clipped and rng.random() < task.clipped:
        drawn = clipped_puzzle(drawn, rng)
    data, ending = encode_background(drawn, rng)
    background = f"{task.id}.{ending}"
    (task.folder / background).write_bytes(data)
    return Puzzle(
        id=task.id,
        background=background,
        prompt=_prompt(task, drawn),
        words=drawn.words,
        targets=drawn.targets,
        distractors=drawn.distractors,
        family=task.family,
        meta=drawn.meta | ({"prompt_boxes": drawn.prompt_boxes} if drawn.prompt_boxes else {}),
    )


def _prompt(task: _Task, drawn: Drawn) -> dict[str, PromptValue]:
    """The prompt in the form of puzzle sets; writes its pictures."""
    if drawn.kind == "words":
        return {"words": drawn.words}
    if drawn.region is not None:
        return {"region": drawn.region}
    single = drawn.kind == "image"
    files = []
    for number, data in enumerate(drawn.prompt_pictures):
        file = f"{task.id}.prompt{'' if single else number}.png"
        (task.folder / file).write_bytes(data)
        files.append(file)
    return {"image": files[0]} if single else {"icons": tuple(files)}
