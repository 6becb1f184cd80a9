"""The mean of runs, as far as no ingredients are needed."""

from pathlib import Path

import pytest
import torch

from training.core.checkpoint import save_checkpoint
from training.core.schedule import Schedule
from training.matcher.averaging import AveragingError, _mean, average_runs
from training.matcher.joint_model import JointModel
from training.matcher.settings import Settings

SETTINGS = Settings(Schedule(steps=1, decay_steps=1))


def state(seed: int, charset: tuple[str, ...] = ("a", "b"), features: int = 16) -> dict:
    torch.manual_seed(seed)
    model = JointModel(charset, features)
    return {"model": model.state_dict(), "charset": charset, "step": seed, "best": 0.5}


def test_every_fraction_is_the_weighted_mean() -> None:
    states = [state(1), state(2), state(3)]
    mean = _mean([Path("a"), Path("b"), Path("c")], states, [1, 1, 2])
    for name, value in mean.items():
        first, second, third = (s["model"][name] for s in states)
        if value.dtype.is_floating_point:
            torch.testing.assert_close(value, (first + second + 2 * third) / 4)
        else:
            assert torch.equal(value, first)


def test_the_mean_of_a_run_with_itself_is_the_run() -> None:
    one = state(1)
    for name, value in _mean([Path("a"), Path("a")], [one, one], [3, 1]).items():
        torch.testing.assert_close(value, one["model"][name])


@pytest.mark.parametrize(
    "other", [state(2, ("a", "c")), state(2, ("a",)), state(2, features=24)],
    ids=["another charset", "a smaller charset", "another network"],
)  # fmt: skip
def test_what_differs_has_no_mean(other: dict) -> None:
    with pytest.raises(AveragingError, match="b has another network or charset than a"):
        _mean([Path("a"), Path("b")], [state(1), other], [1, 1])


@pytest.mark.parametrize(
    ("runs", "weights"), [(1, ()), (2, (1.0,)), (2, (1.0, 0.0)), (2, (1.0, -1.0))], ids=str
)
def test_too_few_runs_or_weights(tmp_path: Path, runs: int, weights: tuple[float, ...]) -> None:
    folders = []
    for number in range(runs):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        save_checkpoint(folders[-1] / "last.pt", state(number))
    with pytest.raises(AveragingError, match="have no mean"):
        average_runs(folders, tmp_path / "out", SETTINGS, weights=weights)
    assert not (tmp_path / "out").exists()
