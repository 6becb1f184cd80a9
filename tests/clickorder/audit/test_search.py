"""A planted generator and solver: the ranking of knobs is that of their planted harm."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFont

from clickorder.audit.examples import own, plain
from clickorder.audit.generator import Generator, Parts, Range, legibility, write_parts
from clickorder.audit.search import puzzle_count, search
from clickorder.audit.search_report import write_search
from clickorder.errors import CommandError, UsageError
from training.synthetic.ingredients.store import FontFace

A, B = (10, 10, 40, 40), (60, 20, 90, 50)
KNOBS = {
    "fair": Range(0, 1),  # harms the solver, and nobody else
    "unfair": Range(0, 1),  # harms the solver as much, and makes the items fainter
    "idle": Range(-5, 5),
    "helpful": Range(0, 1),  # the solver likes it a little
}


def cross() -> Image.Image:
    mask = np.zeros((30, 30), np.uint8)
    mask[12:18] = mask[:, 12:18] = 255
    return Image.fromarray(mask)


def planted_draw(settings, rng):
    """Crosses that fade with `unfair`, and settings hidden in pixels for the planted solver."""
    ink = round(40 + 84 * settings["unfair"])
    picture = Image.new("RGB", (100, 60), (128, 128, 128))
    for box in (A, B):
        picture.paste((ink,) * 3, box[:2], cross())
    for place, name in enumerate(("fair", "unfair", "helpful")):
        picture.putpixel((place, 0), (round(255 * settings[name]), 0, 0))
    picture.putpixel((3, 0), (int(rng.integers(256)), 0, 0))
    return Parts(picture, ("a", "b"), (A, B), masks=(cross(), cross()))


class PixelSolver:
    """Fails with a chance that depends on the pixels in which the settings are hidden."""

    @property
    def models(self):
        return {"detector": "pixels 1.0"}

    def __call__(self, puzzle, folder):
        with Image.open(folder / puzzle.background) as picture:
            fair, unfair, helpful, luck = (picture.getpixel((x, 0))[0] / 255 for x in range(4))
        fails = luck < 0.15 + 0.35 * fair + 0.35 * unfair - 0.05 * helpful
        clicks = [{"x": (x1 + x2) / 2, "y": (y1 + y2) / 2} for x1, y1, x2, y2 in (A, B)]
        return {
            "solved": True, "confidence": 0.9, "clicks": clicks[::-1] if fails else clicks,
            "boxes": [{"box": list(box), "confidence": 0.9} for box in (A, B)],
        }  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return search(Generator("planted:draw", planted_draw, KNOBS), PixelSolver(), points=120)


def test_the_ranking_is_that_of_the_planted_harm(found):
    ranked = [knob.name for knob in found.knobs]
    assert ranked[0] == "fair"
    knobs = {knob.name: knob for knob in found.knobs}
    assert knobs["fair"].per_lost > 2 * knobs["unfair"].per_lost
    for name in ("fair", "unfair"):
        assert knobs[name].harm > 0.2 > knobs["idle"].harm
        assert knobs[name].harm_interval[0] > 0
        assert knobs[name].upwards
    assert knobs["idle"].harm_interval[0] < 0.05
    assert knobs["unfair"].lost > 0.1 > knobs["fair"].lost


def test_the_advice_keeps_what_people_can_read(found):
    advice = found.advice
    assert advice.settings["fair"] > 0.8
    assert advice.readable >= 0.9 * advice.n
    assert advice.solved / advice.n < found.solved / found.n
    assert (found.n, advice.n) == (600, 20)
    assert puzzle_count(120, 5) == 600 + 7 * 20, "at most: six proposals and one that stands in"


def test_the_pages_and_numbers_say_it(found, tmp_path):
    write_search(found, tmp_path)
    result = json.loads((tmp_path / "generator.json").read_text("utf-8"))
    assert [knob["name"] for knob in result["knobs"]] == [knob.name for knob in found.knobs]
    assert result["advice"]["settings"] == found.advice.settings
    for name, told in (("report.html", "Recommended settings"), ("report.zh.html", "推荐设置")):
        page = (tmp_path / name).read_text("utf-8")
        assert told in page
        assert page.index(">fair<") < page.index(">unfair<")
        assert "http" not in page.replace("http-equiv", "")


def corner(fair, unfair):
    return min(fair, unfair) > 0.8


def band(fair, unfair):
    return abs(fair - unfair) < 0.35


@pytest.mark.parametrize("unreadable", [corner, band])
def test_the_advice_is_drawn_and_given_up_where_people_cannot_read_it(unreadable):
    """Which settings are unreadable only both knobs together say, and the fit knows only sums."""

    def draw(settings, rng):
        faint = float(unreadable(settings["fair"], settings["unfair"]))
        parts = planted_draw({**settings, "helpful": 0.0, "unfair": faint}, rng)
        parts.background.putpixel((1, 0), (round(255 * settings["unfair"]), 0, 0))
        return parts

    knobs = {"fair": Range(0, 1), "unfair": Range(0, 1)}
    found = search(Generator("planted:joint", draw, knobs), PixelSolver(), points=40)
    assert found.advice is not None
    assert found.advice.readable == found.advice.n
    assert not unreadable(**found.advice.settings)


def test_a_solver_that_always_does_the_same_gives_no_advice():
    class Perfect(PixelSolver):
        def __call__(self, puzzle, folder):
            clicks = [{"x": 25, "y": 25}, {"x": 75, "y": 35}]
            return {"solved": True, "confidence": 1, "clicks": clicks, "boxes": []}

    found = search(Generator("p:d", planted_draw, KNOBS), Perfect(), points=6, puzzles=2)
    assert found.advice is None
    assert {knob.harm for knob in found.knobs} == {0}


def test_legibility_falls_with_contrast_stroke_and_overlap():
    def drawn(ink=20, mask=None, box=A, distractors=()):
        picture = Image.new("RGB", (100, 60), (128, 128, 128))
        mask = mask or cross()
        picture.paste((ink,) * 3, box[:2], mask)
        return legibility(Parts(picture, ("a",), (box,), distractors, masks=(mask,)))

    thin = np.zeros((30, 30), np.uint8)
    thin[15] = thin[:, 15] = 255
    plain_score, is_readable = drawn()
    assert is_readable
    assert drawn(ink=126) < (0.1, True)
    assert not drawn(ink=126)[1]
    assert drawn(mask=Image.fromarray(thin))[0] < plain_score
    covered = drawn(distractors=((10, 10, 30, 40),))
    assert covered[0] < 0.5 * plain_score
    assert not covered[1]


def test_the_example_draws_within_all_its_settings(tmp_path):
    generator = Generator.load("clickorder.audit.examples.plain:draw")
    assert generator.knobs == plain.SETTINGS
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 1.0):
        settings = generator.settings(np.full(len(plain.SETTINGS), share))
        assert settings["decoys"] == {0.0: 0, 0.5: 2, 1.0: 4}[share]
        parts = generator.draw(settings, rng)
        puzzle = write_parts(parts, f"p{share}", tmp_path)
        assert len(puzzle.targets) == 3
        assert len(puzzle.distractors) == settings["decoys"]
        assert 0 <= legibility(parts)[0] <= 1
    easy = generator.settings(np.zeros(6)) | {"contrast": 160, "size": 44}
    assert legibility(generator.draw(easy, rng))[1]
    hidden = easy | {"contrast": 20, "noise": 60, "size": 22}
    assert not legibility(generator.draw(hidden, rng))[1]
    with_prompt = Parts(parts.background, ("a",), (A,), prompt=cross())
    assert write_parts(with_prompt, "strip", tmp_path).kind == "image"
    icons = Parts(parts.background, ("a",), (A,), prompt=(cross(),))
    assert write_parts(icons, "icons", tmp_path).kind == "icons"


PLUGIN = """
from clickorder.audit.generator import Range
SETTINGS = {settings}
def draw(settings, rng):
    {body}
"""


@pytest.mark.parametrize(
    ("settings", "body", "error", "told"),
    [
        pytest.param("{}", "return 1", UsageError, "has no SETTINGS", id="no-settings"),
        pytest.param("{'a': (0, 1)}", "return 1", UsageError, "it must be a", id="no-range"),
        pytest.param("{'a': Range(1, 1)}", "return 1", UsageError, "low < high", id="empty"),
        pytest.param("{'a': Range(0, 1)}", "return 1", CommandError, "gave int", id="no-parts"),
        pytest.param("{'a': Range(0, 1)}", "raise ValueError('ink')", CommandError,
                     r"raised ValueError \(ink\) for a 0.5", id="raises"),
    ],
)  # fmt: skip
def test_a_plug_in_that_does_not_fit_is_told(tmp_path, monkeypatch, settings, body, error, told):
    name = f"plug_in_{abs(hash((settings, body)))}"
    (tmp_path / f"{name}.py").write_text(PLUGIN.format(settings=settings, body=body))
    monkeypatch.syspath_prepend(tmp_path)

    def load_and_draw():
        Generator.load(f"{name}:draw").draw({"a": 0.5}, np.random.default_rng(0))

    with pytest.raises(error, match=told):
        load_and_draw()


def test_what_is_drawn_must_be_a_puzzle(tmp_path):
    picture = Image.new("RGB", (100, 60))
    with pytest.raises(CommandError, match="no puzzle: There are 1 words for 2 targets"):
        write_parts(Parts(picture, ("a",), (A, B)), "p", tmp_path)


def test_our_own_generator_turns_its_knobs(tmp_path, monkeypatch):
    """With Pillow's own font in place of fetched ones."""
    file = tmp_path / "font.ttf"
    file.write_bytes(ImageFont.load_default(20).path.getvalue())
    covered = tmp_path / "covered.npy"
    np.save(covered, np.arange(0x21, 0x7F))
    face = FontFace(file, 0, "Plain", "Regular", "plain", "test", "latin", covered)
    monkeypatch.setattr(own, "faces", lambda: (face,))
    generator = Generator("own:draw", own.draw, own.SETTINGS)
    rng = np.random.default_rng(3)
    sizes = []
    for share in (0.0, 1.0):
        parts = generator.draw(generator.settings(np.full(6, share)), rng)
        assert len(parts.words) == len(parts.targets) == 3
        assert len(parts.distractors) == 5 * share
        sizes.append(np.mean([y2 - y1 for _, y1, _, y2 in parts.targets]))
    assert sizes[0] < sizes[1]
