"""Where the items of a fixed layout are: learned from pictures, and found in new ones."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.detections import Detections
from service.solving.calibration import Calibration, CalibrationError, Calibrations
from service.solving.parts import Parts
from service.solving.prompt_segmentation import candidates
from service.solving.prompt_slots import Slots, find_slots
from service.solving.prompts import ImagePrompt, RegionPrompt, WordsPrompt, with_layout
from service.solving.solver import Solver

SLOTS = Slots(
    (120, 40), ((5.0, 5.0, 35.0, 35.0), (45.0, 5.0, 75.0, 35.0), (85.0, 5.0, 115.0, 35.0))
)


def layouts(
    count: int, items: int = 3, shift: float = 0.0, seed: int = 1
) -> list[tuple[tuple[int, int], NDArray[np.float32]]]:
    """Pictures with items 40 pixels apart, whose sizes vary and which lie up to `shift` beside."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        middles = np.arange(items) * 40 + 20 + rng.uniform(-shift, shift, items)
        half = rng.uniform(10, 15, items)
        boxes = np.stack([middles - half, 20 - half, middles + half, 20 + half], axis=1)
        made.append(((40 * items, 40), boxes.astype(np.float32)))
    return made


@pytest.mark.parametrize("items", [1, 2, 5])
def test_a_fixed_layout_is_learned(items: int) -> None:
    slots = find_slots(layouts(20, items, shift=2.0))
    assert slots is not None
    assert slots.size == (40 * items, 40)
    middles = [(x1 + x2) / 2 for x1, _, x2, _ in slots.boxes]
    assert middles == pytest.approx(np.arange(items) * 40 + 20, abs=2)
    # Large items fit as well as small ones.
    assert all(x2 - x1 >= 26 for x1, _, x2, _ in slots.boxes)


def test_pictures_of_another_scale_have_the_same_layout() -> None:
    small = layouts(12)
    large = [((2 * w, 2 * h), 2 * boxes) for (w, h), boxes in layouts(12, seed=2)]
    slots = find_slots([*small, *small, *large])
    assert slots is not None
    assert slots.size == (120, 40)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(layouts(11), id="too-few"),
        pytest.param(layouts(40, shift=14.0), id="items-move"),
        pytest.param([((120 + 9 * i, 40), b) for i, (_, b) in enumerate(layouts(20))], id="sizes"),
        pytest.param([], id="none"),
    ],
)
def test_a_layout_that_varies_is_none(seen: list) -> None:
    assert find_slots(seen) is None


def test_a_few_boxes_that_were_found_wrong_change_nothing() -> None:
    seen = layouts(30)
    wrong = [(size, boxes + np.float32(12)) for size, boxes in layouts(2, seed=9)]
    assert find_slots([*seen, *wrong]) is not None


@given(st.integers(30, 600), st.integers(10, 200))
def test_slots_scale_with_the_picture(width: int, height: int) -> None:
    boxes = SLOTS.on(width, height)
    np.testing.assert_allclose(
        boxes / [width, height, width, height],
        np.array(SLOTS.boxes) / [120, 40, 120, 40],
        rtol=1e-5,
    )
    assert SLOTS.fit(width, height) == (abs(width / height / 3 - 1) <= 0.05)


def test_a_box_that_fits_its_slot_is_taken() -> None:
    near = np.array([[46, 8, 73, 34], [0, 0, 9, 9]], np.float32)
    filled = SLOTS.filled(120, 40, near)
    np.testing.assert_array_equal(filled[1], near[0])
    np.testing.assert_array_equal(filled[[0, 2]], SLOTS.on(120, 40)[[0, 2]])


class Blind:
    """A detector that finds nothing."""

    name = "blind"

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))


def test_known_slots_are_the_only_cut() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (80, 240, 3), np.uint8)
    found = candidates(Blind(), noise, slots=SLOTS)
    np.testing.assert_array_equal(found.boxes, SLOTS.on(240, 80))
    assert [cut.rows for cut in found.cuts] == [(0, 1, 2)]


def test_a_picture_of_another_shape_is_cut_as_ever() -> None:
    plain = np.full((80, 100, 3), 255, np.uint8)
    plain[20:60, 30:70] = 0
    assert [len(cut.rows) for cut in candidates(Blind(), plain, slots=SLOTS).cuts] == [1]


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [
        (None, None, (None, SLOTS)),
        (None, (3, 3), ((3, 3), SLOTS)),
        ((3, 4), (3, 3), ((3, 4), SLOTS)),
        ((4, 4), (3, 3), ((4, 4), None)),
    ],
    ids=["nothing-said", "known", "asked", "another-number"],
)
def test_a_caller_who_counts_otherwise_is_right(
    asked: tuple[int, int] | None,
    known: tuple[int, int] | None,
    expected: tuple[tuple[int, int] | None, Slots | None],
) -> None:
    picture = np.zeros((40, 120, 3), np.uint8)
    for prompt in (ImagePrompt(picture, asked), RegionPrompt((0, 0, 120, 40), asked)):
        laid_out = with_layout(prompt, known, SLOTS)
        assert (laid_out.count, laid_out.slots) == expected  # type: ignore[union-attr]
    assert with_layout(WordsPrompt(("a",)), known, SLOTS) == WordsPrompt(("a",))


def test_calibrations_keep_slots(tmp_path: Path) -> None:
    calibrations = Calibrations(prompt_count=(3, 3), slots=SLOTS)
    calibrations.save(tmp_path / "calibration.json")
    assert Calibrations.load(tmp_path / "calibration.json").slots == SLOTS


@pytest.mark.parametrize(
    "slots",
    [
        "3",
        "[[0, 0, 1, 1]]",
        '{"size": [10, 10], "boxes": []}',
        '{"size": [10, 10], "boxes": [[0, 0, 11, 5]]}',
        '{"size": [10, 10], "boxes": [[5, 0, 9, 5], [0, 0, 4, 5]]}',
        '{"size": [10], "boxes": [[0, 0, 4, 5]]}',
        '{"size": [10, 10], "boxes": [[0, 0, "x", 5]]}',
    ],
    ids=["number", "list", "none", "outside", "right-to-left", "no-height", "no-number"],
)
def test_bad_slots_are_one_sentence(tmp_path: Path, slots: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(f'{{"slots": {slots}}}')
    with pytest.raises(CalibrationError, match="slots"):
        Calibrations.load(file)


def test_solving_takes_the_items_from_their_slots() -> None:
    """Where no detector sees the prompt's items, those in the slots are asked for."""

    class OnlyScenes:
        name = "scenes"

        def detect(self, image: NDArray[np.uint8]) -> Detections:
            if image.shape[0] == 40:
                return Blind().detect(image)
            boxes = np.array([[10, 100, 40, 130], [100, 100, 130, 130]], np.float32)
            return Detections(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, int))

    class Colours:
        name = "colours"

        def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list:
            return [image[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]

        def compare(self, items: list, views: list) -> NDArray[np.float32]:
            one, other = (
                np.array([crop.mean(axis=(0, 1)) for crop in crops]).reshape(-1, 3)
                for crops in (items, views)
            )
            return (5 - np.abs(one[:, None] - other[None]).max(axis=2)).astype(np.float32)

    red, blue = (200, 0, 0), (0, 0, 200)
    scene = np.full((200, 200, 3), 255, np.uint8)
    scene[100:130, 10:40], scene[100:130, 100:130] = red, blue
    prompt = np.zeros((40, 80, 3), np.uint8)
    prompt[:, :40], prompt[:, 40:] = blue, red
    slots = Slots((80, 40), ((5.0, 5.0, 35.0, 35.0), (45.0, 5.0, 75.0, 35.0)))
    sure = Calibration(sure=0.0)
    known = Calibrations(pictures=sure, slots=slots)
    solver = Solver(Parts(OnlyScenes(), matcher=Colours(), calibrations=known))
    answer = solver.solve(scene, ImagePrompt(prompt))
    assert [(click.x, click.y) for click in answer.clicks] == [(115, 115), (25, 115)]
    without = Solver(
        Parts(OnlyScenes(), matcher=Colours(), calibrations=Calibrations(pictures=sure))
    )
    assert len(without.solve(scene, ImagePrompt(prompt)).clicks) != 2
