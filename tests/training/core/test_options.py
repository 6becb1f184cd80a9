"""Options as pydantic dataclasses: values out of files, and faults as sentences."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from training.core.options import build, limits_of, reports
from training.errors import TrainingError


class OwnError(TrainingError):
    pass


@reports(OwnError)
@dataclass(frozen=True, slots=True)
class Options:
    steps: Annotated[int, Field(ge=1, le=9, description="Steps.")] = 2
    rate: Annotated[float, Field(gt=0, description="Rate.")] = 0.5
    share: Annotated[float, Field(ge=0, le=1, description="Share.")] = 0.1
    head: Annotated[Literal["", "ctc"], Field(description="Head.")] = "ctc"
    grey: Annotated[bool, Field(description="Grey.")] = True
    name: Annotated[str, Field(description="Name.")] = "model"
    out: Annotated[Path | None, Field(description="Folder.")] = None


def test_texts_of_a_file_become_values() -> None:
    written = {"steps": "3", "rate": "2e-3", "grey": "no", "out": "runs/a", "unknown": 1}
    assert build(Options, written) == Options(steps=3, rate=2e-3, grey=False, out=Path("runs/a"))


def test_more_values_stand_beside_those_given() -> None:
    assert build(Options, {"steps": 3}, name="other") == Options(steps=3, name="other")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1."),
        ({"steps": 10}, "steps is 10; it must be at most 9."),
        ({"steps": "many"}, "steps is 'many'; it must be a whole number."),
        ({"rate": 0.0}, "rate is 0.0; it must be greater than 0."),
        ({"rate": "fast"}, "rate is 'fast'; it must be a number."),
        ({"share": 1.5}, "share is 1.5; it is a share, from 0 to 1."),
        ({"head": "lstm"}, "head is 'lstm'; choose of nothing, ctc."),
        ({"grey": "perhaps"}, "grey is 'perhaps'; it must be true or false."),
        ({"name": 3}, "name is 3; it must be a text."),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_a_fault_is_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(OwnError) as told:
        build(Options, given)
    assert str(told.value) == sentence


@pytest.mark.parametrize(
    ("key", "limits"), [("steps", (1, 9)), ("share", (0, 1)), ("rate", (None, None))]
)
def test_limits(key: str, limits: tuple[float | None, float | None]) -> None:
    assert limits_of(Options, key) == limits
