from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from training.matcher.crop_inputs import network_input
from training.synthetic.crops.icon_likeness import likeness, rotation_signature
from training.synthetic.crops.source import CHARSET, CropSource
from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.palette import Palette
from training.synthetic.ingredients.shapes import ShapeCollection
from training.synthetic.ingredients.store import IconCollection
from training.synthetic.items.item import IconItem

KINDS = ["characters", "icons", "latin"]


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_different_items_in_two_views(palette: Palette, kind: str) -> None:
    pairs = CropSource(palette, np.random.default_rng(3)).pairs(kind, 8)
    assert 4 <= len(pairs) <= 8
    assert len({pair.word for pair in pairs}) == len(pairs)
    for pair in pairs:
        for view in (pair.prompt, pair.scene):
            assert view.picture.dtype == np.uint8
            assert view.picture.shape[2] == 3
            height, width = view.picture.shape[:2]
            x1, y1, x2, y2 = view.box
            assert x2 - x1 >= 3
            assert y2 - y1 >= 1
            # A jittered box may reach beyond the picture, but never by much.
            assert x1 > -width / 2
            assert y1 > -height / 2
            assert x2 < 1.5 * width
            assert y2 < 1.5 * height


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_pairs(palette: Palette, kind: str) -> None:
    first, second = (CropSource(palette, np.random.default_rng(9)).pairs(kind, 4) for _ in range(2))
    assert [pair.word for pair in first] == [pair.word for pair in second]
    for one, other in zip(first, second, strict=True):
        assert one.scene.box == other.scene.box
        np.testing.assert_array_equal(one.scene.picture, other.scene.picture)
        np.testing.assert_array_equal(one.prompt.picture, other.prompt.picture)


def test_the_two_views_of_a_plain_pair_show_the_same_shape(palette: Palette) -> None:
    source = CropSource(palette, np.random.default_rng(5))
    source.ease = 1.0
    pairs = source.icons(12)
    prompt, scene = (
        np.stack([_silhouette(network_input(getattr(p, side), "siamese")) for p in pairs])
        for side in ("prompt", "scene")
    )
    likeness = np.abs(prompt @ scene.T)
    right = (likeness.argmax(axis=1) == np.arange(len(pairs))).mean()
    # Turned by up to 25 degrees, so that pixels agree for most and not for all.
    assert right >= 0.5


def _silhouette(crop: np.ndarray) -> np.ndarray:
    grey = crop.astype(np.float32).mean(axis=2).ravel()
    grey -= grey.mean()
    return grey / max(float(np.linalg.norm(grey)), 1e-6)


def test_mirrored_icons_are_other_items(palette: Palette) -> None:
    source = CropSource(palette, np.random.default_rng(1))
    words = [pair.word for _ in range(12) for pair in source.icons(12)]
    mirrored = [word for word in words if "~:" in word]
    assert mirrored
    assert len(mirrored) < len(words) / 3


def test_the_charset_names_no_character_twice() -> None:
    assert len(set(CHARSET)) == len(CHARSET)
    assert set("的一是7Kk龍") <= set(CHARSET)


def test_no_icons_are_refused_with_a_sentence(palette: Palette) -> None:
    bare = Palette(palette.han, palette.latin, (), palette.photos)
    with pytest.raises(IngredientsMissingError, match="one icon collection"):
        CropSource(bare, np.random.default_rng(1))


def test_an_icon_is_like_itself_at_any_turn_and_unlike_another(palette: Palette) -> None:
    class Turned(IconCollection):
        def picture(self, i: int) -> np.ndarray:
            return np.ascontiguousarray(np.rot90(IconCollection.picture(self, i)))

    plain = palette.icons[0]
    fields = ("name", "design", "split", "names", "monochrome", "path")
    turned = Turned(**{name: getattr(plain, name) for name in fields})
    same, other = [], []
    for index in range(12):
        shape = rotation_signature(IconItem(plain, index))
        same.append(likeness(shape, [rotation_signature(IconItem(turned, index))]))
        other.append(likeness(shape, [rotation_signature(IconItem(plain, index + 1))]))
    assert min(same) > 0.85
    assert np.mean(other) < np.mean(same) - 0.2
    assert likeness(shape, []) == -1


def test_scenes_and_prompts_leave_negatives_that_are_no_item(palette: Palette) -> None:
    source = CropSource(palette, np.random.default_rng(6))
    for kind in KINDS * 3:
        source.pairs(kind, 8)
    assert len(source.scene_negatives) >= 10
    assert source.prompt_negatives
    for view in (*source.scene_negatives, *source.prompt_negatives):
        crop = network_input(view, "siamese")
        assert crop.shape == (64, 64, 3)


def test_shapes_meet_shapes_of_their_own_kind(palette: Palette) -> None:
    shapes = ShapeCollection.of("train")
    source = CropSource(replace(palette, icons=(*palette.icons, shapes)), np.random.default_rng(4))
    words = [pair.word for _ in range(30) for pair in source.icons(4)]
    kinds = [word.split(":")[1].rpartition("-")[0] for word in words if word.startswith("shapes:")]
    assert kinds, "some groups are of shapes"
    assert any(one == other for one, other in pairwise(kinds))


def test_discs_meet_other_round_shapes(palette: Palette) -> None:
    shapes = ShapeCollection.of("train")
    source = CropSource(replace(palette, icons=(shapes,)), np.random.default_rng(4))
    groups = [[pair.word for pair in source.icons(4)] for _ in range(60)]
    kinds = [{word.split(":")[1].rpartition("-")[0] for word in group} for group in groups]
    assert any(len(found) > 1 and found <= {"disc", "polygon", "scallop"} for found in kinds)


def test_items_are_clipped_as_often_as_asked(palette: Palette) -> None:
    def touching(share: float) -> int:
        source = CropSource(palette, np.random.default_rng(9))
        source.clipped = share
        views = [pair.scene for _ in range(25) for pair in source.pairs("characters", 4)]
        sides = [(view.picture.shape[:2], view.box) for view in views]
        return sum(
            min(x1, y1) < 1 or x2 > width - 1 or y2 > height - 1
            for (height, width), (x1, y1, x2, y2) in sides
        )

    assert touching(1.0) >= touching(0.0) + 8
