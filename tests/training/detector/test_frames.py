"""Frames for training: what is drawn lies where its boxes say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector.letterbox import PAD
from training.detector.frames import draw_frame, plain_frame, plan_epoch
from training.detector.samples import Sample

SIZE = (384, 256)


def sample(
    path: Path, size: tuple[int, int], boxes: list[list[int]], *, strip: bool = False
) -> Sample:
    """White items on black."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = 255
    Image.fromarray(pixels).save(path)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(path, array, np.zeros(len(boxes), np.int64), strip)


@pytest.fixture
def scene(tmp_path: Path) -> Sample:
    return sample(tmp_path / "scene.png", (300, 200), [[20, 30, 60, 80], [200, 100, 260, 190]])


@pytest.fixture
def strips(tmp_path: Path) -> list[Sample]:
    return [
        sample(tmp_path / f"{n}.png", (200, 30), [[10, 4, 32, 26], [90, 4, 115, 28]], strip=True)
        for n in range(5)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_their_items(scene: Sample, strips: list[Sample], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for samples in ([scene], strips[:3], strips[:1]):
        frame = draw_frame(samples, SIZE, rng, flips=True)
        assert frame.pixels.shape == (256, 384, 3)
        assert len(frame.boxes) == len(frame.classes)
        for x1, y1, x2, y2 in frame.boxes.round().astype(int):
            inside = frame.pixels[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].astype(int)
            # Tinting keeps an item of one colour, and unlike the ground around it.
            assert np.ptp(inside, axis=(0, 1)).max() <= 8
            outside = frame.pixels[y1 - 4, (x1 + x2) // 2].astype(int)
            assert abs(inside.mean(axis=(0, 1)) - outside).max() > 40


def test_the_same_state_draws_the_same_frame(scene: Sample) -> None:
    first, second = (
        draw_frame([scene], SIZE, np.random.default_rng(3), flips=True) for _ in range(2)
    )
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_without_flips_nothing_is_mirrored(scene: Sample) -> None:
    frames = [draw_frame([scene], SIZE, np.random.default_rng(n), flips=False) for n in range(20)]
    both = [frame.boxes for frame in frames if len(frame.boxes) == 2]
    assert len(both) >= 10
    for first, second in both:
        assert (first[:2] < second[:2]).all()


def test_some_frames_show_a_part_of_the_scene(scene: Sample) -> None:
    whole = plain_frame(scene, SIZE).boxes
    frames = [draw_frame([scene], SIZE, np.random.default_rng(n), flips=False) for n in range(90)]
    for frame in frames:
        assert (frame.boxes[:, :2] >= 0).all()
        assert (frame.boxes[:, 2:] <= SIZE).all()
    areas = [(frame.boxes[:, 2:] - frame.boxes[:, :2]).prod(axis=1).sum() for frame in frames]
    enlarged = np.array(areas) > 1.2 * (whole[:, 2:] - whole[:, :2]).prod(axis=1).sum()
    alone = np.array([len(frame.boxes) < 2 for frame in frames])
    assert 10 <= (enlarged | alone).sum() <= 45
    assert alone.any()


def test_a_prompt_picture_is_never_cut(strips: list[Sample]) -> None:
    for seed in range(30):
        frame = draw_frame(strips[:1], SIZE, np.random.default_rng(seed), flips=False)
        assert len(frame.boxes) == 2


def test_an_item_of_which_little_is_left_is_none(tmp_path: Path) -> None:
    corner = sample(tmp_path / "corner.png", (300, 200), [[10, 10, 110, 110]])
    frames = [draw_frame([corner], SIZE, np.random.default_rng(n), flips=False) for n in range(300)]
    boxes = np.array([frame.boxes[0] for frame in frames if len(frame.boxes)])
    ratios = (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])
    assert len(boxes) < 300
    assert np.ptp(ratios) > 1  # Some are cut on one side,
    least = 0.4 * 0.85  # by no more than this, a frame's stretch included.
    assert (least <= ratios).all()
    assert (ratios <= 1 / least).all()


def test_stacked_strips_do_not_touch(strips: list[Sample]) -> None:
    frame = draw_frame(strips, SIZE, np.random.default_rng(0), flips=False)
    assert len(frame.boxes) >= 6
    assert (frame.boxes[:, 3] <= SIZE[1]).all()
    tops, ends = frame.boxes[::2, 1], frame.boxes[::2, 3]
    assert (tops[1:] > ends[:-1]).all()


def test_every_sample_is_used_once(scene: Sample, strips: list[Sample]) -> None:
    plan = plan_epoch([scene, *strips, scene], SIZE, np.random.default_rng(0))
    assert sorted(index for group in plan for index in group) == list(range(7))
    assert (0,) in plan
    assert (6,) in plan


def test_a_plain_frame_is_what_the_server_feeds(strips: list[Sample]) -> None:
    frame = plain_frame(strips[0], SIZE)
    ratio = 384 / 200
    top = (256 - round(30 * ratio)) // 2
    assert (frame.pixels[0] == PAD).all()
    np.testing.assert_allclose(
        frame.boxes[0], [10 * ratio, 4 * ratio + top, 32 * ratio, 26 * ratio + top], atol=0.6
    )


def test_a_picture_without_items(tmp_path: Path) -> None:
    empty = sample(tmp_path / "empty.png", (40, 90), [])
    frame = draw_frame([empty], SIZE, np.random.default_rng(0), flips=True)
    assert frame.boxes.shape == (0, 4)
