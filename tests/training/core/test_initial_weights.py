"""What a training starts from."""

from pathlib import Path

import pytest

from training.core.initial_weights import Role, shipped_file, starting_files
from training.errors import TrainingError


@pytest.mark.parametrize("role", ["detector", "siamese", "classifier"])
def test_the_shipped_weights_are_the_default(role: Role) -> None:
    assert starting_files(role, "shipped") == (shipped_file(role),)
    assert shipped_file(role).is_file()


@pytest.mark.parametrize("role", ["siamese", "classifier"])
def test_drawn_crops_teach_both_files_of_one_network(role: Role) -> None:
    both = (shipped_file("siamese"), shipped_file("classifier"))
    assert starting_files(role, "shipped", drawn=True) == both


@pytest.mark.parametrize("role", ["detector", "siamese", "classifier"])
def test_scratch_is_nothing(role: Role) -> None:
    assert starting_files(role, "scratch", drawn=True) == ()


def test_a_path_is_itself(tmp_path: Path) -> None:
    (tmp_path / "best.pt").touch()
    assert starting_files("siamese", str(tmp_path / "best.pt")) == (tmp_path / "best.pt",)
    assert starting_files("siamese", str(tmp_path)) == (tmp_path,)


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no .*gone\.onnx to start from"):
        starting_files("detector", str(tmp_path / "gone.onnx"))
