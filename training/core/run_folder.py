"""Run folders: the files of a training, from which it can be resumed.

config.json      the settings and the code revision
metrics.jsonl    an object a line, each with `step`
last.pt          the newest checkpoint, also after Ctrl-C
best.pt          the best one by the validation metric
curves.png       drawn at the end
mistakes.png     the worst mistakes, drawn at the end
"""

import json
import math
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labels.atomic import write_atomically
from training.errors import TrainingError

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"
LAST_FILE = "last.pt"
BEST_FILE = "best.pt"
CURVES_FILE = "curves.png"
MISTAKES_FILE = "mistakes.png"

_PALETTE = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")


class RunError(TrainingError):
    """A run folder cannot be started or resumed."""


class RunFolder:
    """The folder of one training run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def start(cls, path: Path, config: Mapping[str, object], *, resume: bool) -> "RunFolder":
        """Make a new run folder, or continue in an existing one.

        Args:
            path: The folder.
            config: Settings to keep, as JSON. A resumed run writes them anew, since some of them
                (the number of steps) may have been changed on purpose.
            resume: Whether to go on from its newest checkpoint.

        Returns:
            The folder; where several processes train, only rank 0 writes into it.

        Raises:
            RunError: the folder holds a run and `resume` is False, or the other way round.
        """
        from training.core.distributed import from_first, is_first  # Reading a run needs no torch.

        if not is_first():
            from_first(None)  # Rank 0 has made it.
            return _ReadOnlyRunFolder(path)
        run = cls(path)
        begun = run.last.is_file()
        if begun and not resume:
            raise RunError(
                f"{path} already holds a run; go on with --resume, or give another folder."
            )
        if resume and not begun:
            raise RunError(f"{path} holds no checkpoint to resume from; leave out --resume.")
        path.mkdir(parents=True, exist_ok=True)
        if not begun:
            (path / METRICS_FILE).unlink(missing_ok=True)
        write_atomically(
            path / CONFIG_FILE,
            json.dumps(dict(config), ensure_ascii=False, indent=1).encode(),
        )
        from_first(None)
        return run

    @property
    def last(self) -> Path:
        """Path of the newest checkpoint."""
        return self.path / LAST_FILE

    @property
    def best(self) -> Path:
        """Path of the best checkpoint."""
        return self.path / BEST_FILE

    def config(self) -> dict[str, Any]:
        """The settings of the run.

        Raises:
            RunError: there are none.
        """
        try:
            config: dict[str, Any] = json.loads((self.path / CONFIG_FILE).read_text("utf-8-sig"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path} is not a run folder: it has no {CONFIG_FILE}.") from error
        return config

    def log(self, step: int, **metrics: float) -> None:
        """Append one line to the metrics; values that are not finite are written as null."""
        row = {
            name: value if math.isfinite(value) else None
            for name, value in {"step": step, **metrics}.items()
        }
        with (self.path / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rewind(self, step: int) -> None:
        """Remove the metrics after `step`, since a resumed run logs those steps again."""
        rows = [row for row in self.metrics() if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomically(self.path / METRICS_FILE, text.encode())

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics logged so far; a last line that was cut off by a kill is left out."""
        try:
            lines = (self.path / METRICS_FILE).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        rows = []
        for line in lines:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows

    def draw_curves(self, panels: Mapping[str, tuple[str, ...]]) -> Path | None:
        """Plot the metrics over the steps.

        Args:
            panels: Title of each panel to the names of the metrics in it; panels without any
                value are left out.

        Returns:
            The picture, or None where there is nothing to draw.
        """
        rows = self.metrics()
        shown = {
            title: [n for n in names if any(row.get(n) is not None for row in rows)]
            for title, names in panels.items()
        }
        shown = {title: names for title, names in shown.items() if names}
        if not shown:
            return None
        from matplotlib.figure import Figure  # slow to import, and only needed at the end

        figure = Figure(figsize=(9, 2.8 * len(shown)), layout="constrained")
        for number, (title, names) in enumerate(shown.items(), start=1):
            axes = figure.add_subplot(len(shown), 1, number)
            for colour, name in zip(_PALETTE * 3, names, strict=False):
                points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
                axes.plot(*zip(*points, strict=True), color=colour, label=name, linewidth=1.2)
            axes.set_title(title, fontsize=10)
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        figure.axes[-1].set_xlabel("step")
        path = self.path / CURVES_FILE
        figure.savefig(path, dpi=110)
        return path


class _ReadOnlyRunFolder(RunFolder):
    """The run folder of a process that leaves writing to rank 0."""

    def log(self, step: int, **metrics: float) -> None:
        """Write nothing."""

    def rewind(self, step: int) -> None:
        """Write nothing."""


def serve_command(run: Path) -> str:
    """A sentence with the command that serves the exported models of a run."""
    return f"Serve it with: clickorder serve --models-dir {shlex.quote(str(run))}"


def initial_weights_of(run: Path) -> str | None:
    """Initial weights of an existing run; None for random ones, or if there is no run."""
    try:
        origin = RunFolder(run).config().get("from")
    except RunError:
        return None
    return str(origin) if origin else None


def code_revision(folder: Path | None = None) -> str:
    """The git revision of this checkout, with `+` if files differ; `unknown` without git."""
    where = folder or Path(__file__).parent
    try:
        revision = _git(where, "rev-parse", "--short=12", "HEAD")
        return revision + ("+" if _git(where, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(folder), *arguments],  # noqa: S607
        capture_output=True,
        check=True,
        text=True,
        timeout=10,
    )
    return done.stdout.strip()
