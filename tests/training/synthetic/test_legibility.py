"""Nothing is drawn that a person could not read, and the hard but readable stays."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from training.synthetic import puzzle_strips
from training.synthetic.families import FAMILIES
from training.synthetic.families.icon_list import ICON_LIST
from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.effects import Hollow, Outline, Pixelated
from training.synthetic.items.item import Cut, IconItem, Pose, TextItem, visible_shape
from training.synthetic.items.styles import Style, paint
from training.synthetic.legibility import (
    LEAST_OUTLINE,
    outline_seen,
    readable,
    shape_kept,
    to_lab,
)
from training.synthetic.prompts import strips as strips_module
from training.synthetic.prompts.strips import Strip, icon_readable, on_page
from training.synthetic.puzzle import Family, draw_puzzle
from training.synthetic.scenes import Placed, Spacing, place

GREY = 128
AT = (40, 30)


def letter(size: int = 48) -> Image.Image:
    """An E with a tail, mode `L`: three bars, a stem and a slanted stroke."""
    mask = Image.new("L", (48, 48))
    draw = ImageDraw.Draw(mask)
    for box in ((2, 2, 9, 45), (2, 2, 36, 8), (2, 20, 30, 26), (2, 39, 36, 45)):
        draw.rectangle(box, fill=255)
    draw.line((30, 26, 45, 38), fill=255, width=5)
    return mask.resize((size, size), Image.Resampling.BOX)


def lattice(pitch: int) -> Image.Image:
    """Dense strokes: a lattice of lines two pixels wide, mode `L`."""
    pixels = np.zeros((42, 42), np.uint8)
    for start in range(0, 42, pitch):
        pixels[start : start + 2] = pixels[:, start : start + 2] = 255
    return Image.fromarray(pixels)


def scene(
    ink: int = 20,
    *,
    grain: float = 0.0,
    opacity: float = 1.0,
    size: int = 48,
    corner: tuple[int, int] = AT,
    after: Callable[[ImageDraw.ImageDraw], object] | None = None,
) -> Image.Image:
    """The letter at `corner` of a 130 x 110 picture of grey with that much random grain."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, grain, (110, 130, 1)) * np.ones(3)
    ground = Image.fromarray(np.clip(GREY + noise, 0, 255).astype(np.uint8))
    mask = letter(size).point(lambda value: round(value * opacity))
    ground.paste((ink,) * 3, corner, mask)
    if after:
        after(ImageDraw.Draw(ground))
    return ground


def speckled(share: float) -> Image.Image:
    pixels = np.array(scene())
    rng = np.random.default_rng(9)
    where = rng.random(pixels.shape[:2]) < share
    pixels[where] = rng.choice(np.array([20, 236], np.uint8), (int(where.sum()), 1))
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("picture", "corner", "expected"),
    [
        pytest.param(scene(20), AT, True, id="black"),
        pytest.param(scene(GREY - 22), AT, True, id="low-contrast"),
        pytest.param(scene(GREY - 6), AT, False, id="almost-its-ground"),
        pytest.param(scene(20, opacity=0.25), AT, True, id="translucent"),
        pytest.param(scene(20, opacity=0.06), AT, False, id="all-but-transparent"),
        pytest.param(scene(GREY - 60, grain=25), AT, True, id="grainy-ground"),
        pytest.param(scene(GREY - 25, grain=70), AT, False, id="sunk-in-its-ground"),
        pytest.param(speckled(0.3), AT, True, id="speckled"),
        pytest.param(speckled(0.75), AT, False, id="drowned-in-speckle"),
        pytest.param(
            scene(after=lambda d: d.line((30, 80, 110, 20), "white", 4)), AT, True, id="struck-out"
        ),
        pytest.param(
            scene(after=lambda d: d.rectangle((30, 20, 95, 62), "navy")), AT, False, id="covered"
        ),
        pytest.param(scene(corner=(-6, 30)), (-6, 30), True, id="cut-at-the-border"),
        pytest.param(scene(corner=(-30, 30)), (-30, 30), False, id="mostly-outside"),
        pytest.param(scene(), (300, 300), False, id="wholly-outside"),
    ],
)
def test_what_a_person_can_read(
    picture: Image.Image, corner: tuple[int, int], expected: bool
) -> None:
    assert readable(picture, letter(), corner) is expected


def test_a_small_item_needs_more_contrast() -> None:
    faint = GREY - 20
    assert readable(scene(faint, size=48), letter(48), AT)
    assert not readable(scene(faint, size=18), letter(18), AT)
    assert readable(scene(faint - 50, size=18), letter(18), AT)


def test_strokes_that_ran_together_are_no_character() -> None:
    """A blot has the silhouette of the character, and nothing else of it."""
    shape = lattice(7)
    apart, blot = Image.new("RGB", (60, 60), "white"), Image.new("RGB", (60, 60), "white")
    apart.paste((0, 0, 0), (9, 9), shape)
    blot.paste((0, 0, 0), (9, 9, 51, 51))
    assert readable(apart, shape, (9, 9))
    assert not readable(blot, shape, (9, 9))


def test_shifted_edges_are_read_by_their_detail() -> None:
    """A pixelated or shadowed letter is off its outline by a pixel, and plain to see."""
    steps = letter().resize((10, 10), Image.Resampling.BOX).point(lambda v: 255 * (v > 110))
    picture = Image.new("RGB", (130, 110), (GREY,) * 3)
    picture.paste((20,) * 3, AT, steps.resize((48, 48), Image.Resampling.NEAREST))
    assert outline_seen(picture, letter(), AT, 6.0) < LEAST_OUTLINE
    assert readable(picture, letter(), AT)


def test_coloured_icons_are_known_by_their_colours_too() -> None:
    cloud = Image.new("RGBA", (40, 40))
    ImageDraw.Draw(cloud).ellipse((2, 6, 38, 34), fill=(248, 250, 252, 255))
    panda = cloud.copy()
    dark = ((0, 0, 14, 14), (26, 0, 40, 14), (9, 14, 17, 24), (23, 14, 31, 24), (14, 26, 26, 34))
    for box in dark:
        ImageDraw.Draw(panda).ellipse(box, fill=(20, 20, 20, 255))
    for icon, tone, expected in (
        (cloud, "white", False), (cloud, "steelblue", True), (panda, "white", True),
    ):  # fmt: skip
        page = Image.new("RGB", (60, 60), tone)
        page.paste(icon, (10, 10), icon)
        assert readable(page, icon.getchannel("A"), (10, 10), icon) is expected


def test_an_icon_without_ink_is_not_readable() -> None:
    page = Image.new("RGB", (40, 40), "white")
    empty = Image.new("RGBA", (20, 20))
    assert not readable(page, empty.getchannel("A"), (10, 10))
    assert not readable(page, empty.getchannel("A"), (10, 10), empty)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_are_those_of_the_standard(colour: tuple[int, int, int]) -> None:
    """Against the formula of CIE 15 and IEC 61966-2-1, colour by colour."""
    level = np.array(colour) / 255
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in level]
    x = 0.4124 * linear[0] + 0.3576 * linear[1] + 0.1805 * linear[2]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    z = 0.0193 * linear[0] + 0.1192 * linear[1] + 0.9505 * linear[2]
    f = [
        v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116
        for v in (x / 0.9505, y, z / 1.089)
    ]
    expected = (116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2]))
    found = to_lab(np.array([[colour]], np.uint8))[0, 0]
    assert np.linalg.norm(found - expected) < 3.5, "half a step of the table"


def test_pixels_never_run_strokes_together() -> None:
    """A letter is pixelated, a dense character in blocks of its own strokes is left smooth."""
    style = Style(edge=Pixelated())

    def painted(mask: Image.Image) -> Image.Image:
        layer = paint(mask, style, (255, 255, 255), np.random.default_rng(1)).getchannel("A")
        left, top = (layer.width - mask.width) // 2, (layer.height - mask.height) // 2
        return layer.crop((left, top, left + mask.width, top + mask.height))

    steps = painted(letter())
    assert steps.tobytes() != letter().tobytes()
    assert shape_kept(letter(), steps) >= 0.78
    # Lines two pixels wide, all across the blocks' borders.
    dense = Image.fromarray(np.roll(np.asarray(lattice(4)), (1, 1), (0, 1)))
    assert painted(dense).tobytes() == dense.tobytes()


def test_a_hollow_item_is_known_by_its_rim() -> None:
    rng = np.random.default_rng(0)
    style = Style(fill=Hollow(), outline=Outline(0.04), opacity=0.5)
    layer = paint(letter(), style, (255, 255, 255), rng)
    rim = np.asarray(visible_shape(Cut(letter()), layer, style).mask)
    assert rim.max() == 255
    assert rim.shape[::-1] == layer.size
    middle = layer.width // 2 - 24 + 5, layer.height // 2
    assert rim[middle[1], middle[0]] == 0, "the inside of the stem is empty"
    plain = Cut(letter())
    assert visible_shape(plain, layer, Style()) is plain


def test_no_item_is_placed_where_it_would_drown(palette: Palette) -> None:
    """Coloured icons cannot take another ink: on noise as strong as they are, none is placed."""
    icons = next(c for c in palette.icons if not c.monochrome)
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    items = [(IconItem(icons, 3), Pose(26.0))]
    faint = Style(opacity=0.3)
    rng = np.random.default_rng(5)
    assert place(Image.fromarray(noise), items, faint, Spacing(), rng) is None
    calm = Image.new("RGB", (200, 120), "white")
    assert place(calm, items, Style(), Spacing(), rng)


def test_a_faint_style_is_painted_stronger_until_it_is_read(palette: Palette) -> None:
    face = palette.han[0]
    character = next(c for c in face.characters() if ord(c) > 0x4E00)
    rng = np.random.default_rng(7)
    ground = Image.new("RGB", (200, 120), (120, 130, 140))
    # Contrast that the floor never takes, at any attempt.
    invisible = Style(opacity=0.12, contrast=0.1, close=True)
    for _ in range(10):
        found = place(ground, [(TextItem(character, face), Pose(40.0))], invisible, Spacing(), rng)
        if found:
            assert found[0].stands_out(ground)
            return
    pytest.fail("never painted so that it can be read")


def test_what_came_over_an_item_is_noticed() -> None:
    layer = Image.new("RGBA", (48, 48), (0, 0, 0, 255))
    layer.putalpha(letter())
    item = TextItem("E", None)  # type: ignore[arg-type]  # the face is never drawn with
    here = Placed(item, layer, *AT, (40, 30, 88, 78), 0.0)
    beside = Placed(item, layer, AT[0] + 40, AT[1], (80, 30, 128, 78), 0.0)
    far = Placed(item, layer, AT[0] + 60, AT[1], (100, 30, 130, 78), 0.0)
    clean = scene()
    elsewhere, across = clean.copy(), clean.copy()
    ImageDraw.Draw(elsewhere).line((2, 2, 20, 100), "red")
    ImageDraw.Draw(across).line((2, 2, 120, 100), "red")
    assert not here.is_altered([here, far], clean, clean)
    assert not here.is_altered([here, far], clean, elsewhere)
    assert here.is_altered([here, beside], clean, clean)
    assert here.is_altered([here, far], clean, across)


@pytest.mark.parametrize("tone", ["white", "clear"])
def test_a_prompt_is_read_on_a_white_page(tone: str) -> None:
    """A clear ground shows the page: white ink on it is no prompt."""
    for ink, expected in (((0, 0, 0, 255), True), ((250, 250, 250, 255), False)):
        picture = Image.new("RGBA", (120, 60), (255,) * 4 if tone == "white" else (0,) * 4)
        picture.paste(ink, (20, 6), letter())
        strip = Strip(picture, ((20, 6, 68, 54),), "clean", ((Cut(letter()), (20, 6)),))
        assert strip.readable() is expected


def _is_readable(palette: Palette, family: Family, seed: int) -> None:
    drawn = draw_puzzle(family, palette, np.random.default_rng(seed))
    for one in drawn.placed[: len(drawn.targets)]:
        assert one.readable(drawn.picture)
    if drawn.kind == "icons":
        for data, one in zip(drawn.prompt_pictures, drawn.placed, strict=False):
            picture = Image.open(BytesIO(data))
            if picture.mode == "RGBA":
                assert icon_readable(picture, one.item, (255, 255, 255))


@pytest.mark.parametrize("family", [pytest.param(one, id=one.name) for one in FAMILIES])
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
@example(seed=2164649)  # an item at the border of a band, over which the band came
def test_every_family_keeps_the_floor(family: Family, palette: Palette, seed: int) -> None:
    strips: list[Strip] = []

    def draw(*args: object, **more: object) -> Strip:
        strips.append(original(*args, **more))  # type: ignore[arg-type]
        return strips[-1]

    with pytest.MonkeyPatch.context() as patch:
        original = strips_module.draw_strip
        patch.setattr(puzzle_strips, "draw_strip", draw)
        _is_readable(palette, family, seed)
    if strips:
        assert strips[-1].readable()


def test_prompt_icons_lie_on_a_page_that_shows_them(palette: Palette) -> None:
    """Nearly white icons come on a page of another colour, all of one puzzle on the same."""
    pages = set()
    for seed in range(40):
        drawn = draw_puzzle(ICON_LIST, palette, np.random.default_rng(seed))
        pictures = [Image.open(BytesIO(data)) for data in drawn.prompt_pictures]
        assert len({picture.mode for picture in pictures}) == 1
        pages |= {p.getpixel((0, 0)) for p in pictures if p.mode == "RGB"}
    assert (255, 255, 255) in pages
    assert on_page(Image.new("RGBA", (2, 2)), (1, 2, 3)).getpixel((0, 0)) == (1, 2, 3)
