"""Effects: each stays within its margin, and is dropped where it would leave nothing to read."""

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.synthetic.items.effects import (
    SMALL_PX,
    Aliased,
    Bold,
    Effect,
    Emboss,
    Extrusion,
    FlatFill,
    Glow,
    GradientFill,
    Hollow,
    Outline,
    Pixelated,
    Shadow,
    StrokesFill,
)
from training.synthetic.items.styles import Style, legible, paint, random_style, stronger

GREY = (128, 128, 128)
STYLES = {
    "smooth": Style(),
    "aliased": Style(edge=Aliased()),
    "pixelated": Style(edge=Pixelated()),
    "bold": Style(bold=Bold(0.06)),
    "thin": Style(bold=Bold(-0.03)),
    "soft-shadow": Style(shadow=Shadow(soft=True)),
    "hard-shadow": Style(shadow=Shadow(soft=False)),
    "extrusion": Style(extrusion=Extrusion(8)),
    "glow": Style(glow=Glow()),
    "outline": Style(outline=Outline(0.05)),
    "hollow": Style(outline=Outline(0.05), fill=Hollow()),
    "gradient": Style(fill=GradientFill()),
    "strokes": Style(fill=StrokesFill()),
    "emboss": Style(emboss=Emboss()),
}
every_style = pytest.mark.parametrize(
    "style", [pytest.param(style, id=name) for name, style in STYLES.items()]
)


def cross(side: int = 60) -> Image.Image:
    """Two crossed bars that touch the frame, mode `L`."""
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    draw.rectangle((0, side // 3, side - 1, side // 2), fill=255)
    draw.line((side // 2, 0, side // 3, side - 1), fill=255, width=side // 8)
    return mask


def painted(style: Style, side: int = 60) -> Image.Image:
    return paint(cross(side), style, GREY, np.random.default_rng(3))


def test_every_effect_has_a_case() -> None:
    """A new effect is tested as soon as it is a field of `Style`."""
    covered = {
        field.name
        for style in STYLES.values()
        for field in fields(style)
        if isinstance(getattr(style, field.name), Effect)
    }
    values = {"opacity", "contrast", "close", "ink"}
    assert covered == {field.name for field in fields(Style)} - values


@every_style
@pytest.mark.parametrize("side", [20, 60, 120])
def test_nothing_is_painted_beyond_the_margin(style: Style, side: int) -> None:
    """The border stays clear, but for the faint tail of a blur: nothing was cut off there."""
    for seed in range(6):
        layer = paint(cross(side), style, GREY, np.random.default_rng(seed))
        alpha = np.asarray(layer.getchannel("A"))
        border = max(alpha[[0, -1]].max(), alpha[:, [0, -1]].max())
        assert border < alpha.max() / 4


@every_style
def test_every_effect_changes_the_picture(style: Style) -> None:
    plain = painted(Style())
    assert (painted(style).tobytes() == plain.tobytes()) == (style in (Style(), STYLES["aliased"]))


@every_style
def test_small_items_lose_what_they_cannot_show(style: Style) -> None:
    assert style.fitted(SMALL_PX) == style
    small = legible(style, SMALL_PX - 1, busy=0.0)
    for effect in small.effects:
        assert effect.least_px < SMALL_PX or effect == Extrusion(3)
    assert isinstance(legible(STYLES["hollow"], 20, 0.0).fill, FlatFill)


def test_what_hides_a_shape_is_taken_back_step_by_step() -> None:
    style = Style(extrusion=Extrusion(3), emboss=Emboss(), opacity=0.5, close=True)
    once, twice = stronger(style), stronger(stronger(style))
    assert (once.extrusion, once.emboss, once.close) == (Extrusion(1), None, False)
    assert twice.extrusion is None
    assert style.contrast < once.contrast < twice.contrast
    assert style.opacity < once.opacity < twice.opacity


def test_puzzle_sets_record_names_and_numbers() -> None:
    assert Style().meta() == {
        "fill": "flat", "opacity": 1.0, "edge": "smooth", "close": False, "extrusion": 0,
        "shadow": "none",
    }  # fmt: skip
    full = Style(
        fill=Hollow(), edge=Pixelated(), extrusion=Extrusion(4), shadow=Shadow(soft=True)
    ).meta()
    assert (full["fill"], full["edge"], full["extrusion"], full["shadow"]) == (
        "hollow", "pixelated", 4, "soft",
    )  # fmt: skip


def test_random_styles_use_every_effect() -> None:
    seen = {
        type(effect)
        for seed in range(400)
        for effect in random_style(np.random.default_rng(seed)).effects
    }
    assert seen == {type(effect) for style in STYLES.values() for effect in style.effects}
