"""The review page in a real Chromium: mouse, keyboard, two tabs, two languages."""

import json

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from labels.review import read_reviewed
from labels.yolo import read_yolo

# Patience with a busy machine: nothing here is about speed.
expect.set_options(timeout=600_000)

WINDOW = {"width": 1150, "height": 640}
SIZES = {"a.png": (300, 200), "b.png": (2400, 1600), "c.png": (300, 200)}

# `wait_for_function` is forbidden by the page's own Content-Security-Policy.
UNTIL = """new Promise((done) => {
    const late = performance.now() + 600_000;
    let pause = 5;
    const look = () => {
        pause = Math.min(2 * pause, 200);
        if (CONDITION) done(true);
        else if (performance.now() > late) done(false);
        else setTimeout(look, pause);
    };
    look();
})"""


@pytest.fixture(scope="module")
def chromium(open_chromium):
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(review_folder, serve_review):
    """One server; every test begins with a folder without labels."""
    folder = review_folder(SIZES)
    with serve_review(folder) as url:
        yield folder, url


@pytest.fixture
def folder(server):
    folder, _ = server
    for file in folder.iterdir():
        if file.name not in SIZES:
            file.unlink()
    return folder


class Tab:
    """A person with one tab of the page."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.faults = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._console)
        self.open()

    def _console(self, message):
        # The browser itself tells of every answer that is an error.
        if message.type == "error" and "status of 4" not in message.text:
            self.faults.append(message.text)

    def open(self, name="a.png"):
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/#{name}")
        self.shows(name)

    def shows(self, name):
        self._until(
            f"document.querySelector('#list [data-name=\"{name}\"][aria-selected=true]') && "
            "!document.getElementById('sheet').hidden"
        )

    def at(self, name, x, y):
        """Where pixel `x`, `y` of a picture is on the screen."""
        sheet = self.page.locator("#sheet").bounding_box()
        width, height = SIZES[name]
        return sheet["x"] + x * sheet["width"] / width, sheet["y"] + y * sheet["height"] / height

    def drag(self, name, start, end):
        self.page.mouse.move(*self.at(name, *start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(name, *end), steps=2)
        self.page.mouse.up()

    def draw(self, name, box, label):
        self.drag(name, box[:2], box[2:])
        self.page.keyboard.type(label)
        self.page.keyboard.press("Enter")

    def click(self, name, x, y):
        self.page.mouse.click(*self.at(name, x, y))

    def keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def is_saved(self):
        self._until("document.getElementById('status').dataset.state === 'saved'")

    def _until(self, condition):
        # Not `expect` or a selector: those look ever more seldom, and this is waited for often.
        assert self.page.evaluate(UNTIL.replace("CONDITION", condition)), condition

    @property
    def labels(self):
        return self.page.locator(".box .tag").all_text_contents()


@pytest.fixture
def tabs(chromium, server, folder):
    """Opens tabs; each must have run without a fault."""
    opened = []

    def open_tab(locale="en-GB"):
        context = chromium.new_context(viewport=WINDOW, locale=locale)
        context.set_default_timeout(600_000)
        opened.append(Tab(context.new_page(), server[1]))
        return opened[-1]

    yield open_tab
    for tab in opened:
        tab.page.context.close()
        assert tab.faults == []


def on_disk(folder, name):
    """Boxes of a picture as label, corners."""
    (picture,) = [p for p in read_yolo(folder).pictures if p.path.name == name]
    return [(box.label, box.xyxy) for box in picture.boxes]


def close_to(box, by):
    return tuple(pytest.approx(side, abs=by) for side in box)


def order_of(folder, name):
    return json.loads((folder / "order.json").read_text())[name]


def test_draw_name_order_next_and_reload_with_the_mouse(tabs, folder):
    tab = tabs()
    first, second, third = (20, 30, 70, 90), (120, 40, 180, 95), (210, 120, 299, 199)
    tab.draw("a.png", first, "cat")
    tab.draw("a.png", second, "狗")
    tab.draw("a.png", third, "c")  # completed
    assert tab.labels == ["cat", "狗", "cat"]
    tab.page.click("#mode")
    tab.click("a.png", 250, 150)
    tab.click("a.png", 45, 60)
    tab.is_saved()
    assert on_disk(folder, "a.png") == [
        ("cat", close_to(first, 1)), ("狗", close_to(second, 1)), ("cat", close_to(third, 1)),
    ]  # fmt: skip
    assert order_of(folder, "a.png") == [1, None, 0]
    assert (folder / "classes.txt").read_text() == "cat\n狗\n"
    tab.page.click("#mode")
    tab.page.click("#next")
    tab.shows("b.png")
    assert read_reviewed(folder) == {"a.png"}
    # A large picture: a pixel of the screen is more than one of the picture.
    wide = (300, 200, 1100, 900)
    tab.draw("b.png", wide, "狗")
    tab.is_saved()
    pixel = 2400 / tab.page.locator("#sheet").bounding_box()["width"]
    assert pixel > 2
    assert on_disk(folder, "b.png") == [("狗", close_to(wide, pixel))]
    tab.page.reload()
    tab.shows("b.png")
    assert tab.labels == ["狗"]
    tab.open("a.png")
    assert tab.labels == ["cat", "狗", "cat"]
    assert tab.page.locator(".number:visible").all_text_contents() == ["2", "1"]


def test_move_resize_delete_undo_and_redo(tabs, folder):
    tab = tabs()
    tab.draw("a.png", (50, 50, 100, 100), "cat")
    tab.drag("a.png", (75, 75), (95, 65))
    tab.is_saved()
    assert on_disk(folder, "a.png") == [("cat", close_to((70, 40, 120, 90), 1))]
    tab.drag("a.png", (120, 90), (150, 110))  # its corner
    tab.drag("a.png", (70, 75), (60, 75))  # its left side
    tab.is_saved()
    assert on_disk(folder, "a.png") == [("cat", close_to((60, 40, 150, 110), 1))]
    tab.drag("a.png", (100, 80), (400, 300))  # as far as the picture goes
    tab.is_saved()
    assert on_disk(folder, "a.png") == [("cat", close_to((210, 130, 300, 200), 1))]
    tab.keys("Delete")
    tab.is_saved()
    assert on_disk(folder, "a.png") == []
    tab.keys("Control+z", "Control+z")
    tab.is_saved()
    assert on_disk(folder, "a.png") == [("cat", close_to((60, 40, 150, 110), 1))]
    tab.keys("Control+Shift+Z")
    tab.is_saved()
    assert on_disk(folder, "a.png") == [("cat", close_to((210, 130, 300, 200), 1))]
    tab.keys(*["Control+z"] * 9)
    tab.is_saved()
    assert on_disk(folder, "a.png") == []


def test_a_click_and_an_abandoned_box_leave_nothing(tabs, folder):
    tab = tabs()
    tab.click("a.png", 20, 20)
    tab.drag("a.png", (50, 50), (100, 100))
    tab.keys("Escape")
    tab.keys("n")
    tab.shows("b.png")
    assert tab.page.locator(".box").count() == 0
    assert not (folder / "classes.txt").exists()


def test_a_box_in_a_box_and_the_smaller_one_is_reached(tabs, folder):
    tab = tabs()
    tab.draw("a.png", (20, 20, 200, 180), "big")
    tab.page.keyboard.down("Shift")
    tab.drag("a.png", (60, 60), (90, 90))
    tab.page.keyboard.up("Shift")
    tab.page.keyboard.type("small")
    tab.keys("Enter")
    tab.click("a.png", 75, 75)
    tab.keys("Delete")
    tab.is_saved()
    assert [label for label, _ in on_disk(folder, "a.png")] == ["big"]


def test_by_keyboard_alone(tabs, folder):
    tab = tabs()
    tab.keys("w")
    tab.page.keyboard.type("cat")
    tab.keys("Enter", *["Shift+ArrowLeft"] * 10, *["Alt+ArrowDown"] * 4)
    tab.keys("w")
    tab.page.keyboard.type("dog")
    tab.keys("Enter", *["Shift+ArrowUp"] * 5)
    tab.keys("w", "ArrowUp", "Enter", "2", "Delete")  # taken from the list, renamed, deleted
    tab.is_saved()
    # A quarter of the picture in its middle; the second a little aside.
    assert on_disk(folder, "a.png") == [
        ("cat", close_to((113 - 10, 75, 188 - 10, 125 + 4), 1)),
        ("dog", close_to((119, 81 - 5, 194, 131 - 5), 1)),
    ]
    tab.keys("Escape", "o")
    tab.page.locator(".box").nth(1).focus()
    tab.keys("Enter", "Shift+Tab", "Enter", "Backspace", "Enter", "o")
    tab.is_saved()
    assert order_of(folder, "a.png") == [1, 0]
    tab.keys(" ")
    tab.shows("b.png")
    tab.keys("ArrowRight", "ArrowLeft", "p", "n", "n")
    tab.shows("c.png")
    assert read_reviewed(folder) == {"a.png"}  # going past a picture says nothing about it
    tab.keys("r")
    expect(tab.page.locator("#count")).to_have_text("2 of 3 reviewed")
    assert read_reviewed(folder) == {"a.png", "c.png"}


def test_tab_goes_from_box_to_box(tabs):
    tab = tabs()
    tab.draw("a.png", (10, 10, 60, 60), "cat")
    tab.draw("a.png", (100, 10, 160, 60), "dog")
    tab.keys("Escape")
    seen = []
    for _ in range(2):
        tab.keys("Tab")
        seen.append(tab.page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert seen == ["Box 1 of 2: cat", "Box 2 of 2: dog"]


def test_two_tabs_do_not_overwrite_each_other(tabs, folder):
    one, two = tabs(), tabs()
    one.draw("a.png", (10, 10, 60, 60), "mine")
    one.is_saved()
    two.draw("a.png", (100, 100, 160, 160), "yours")
    expect(two.page.locator("#banner")).to_contain_text("changed elsewhere")
    two.keys("n")  # nothing is left behind
    two.shows("a.png")
    assert [label for label, _ in on_disk(folder, "a.png")] == ["mine"]
    two.page.click("[data-act=loadTheirs]")
    expect(two.page.locator(".box .tag")).to_have_text(["mine"])
    two.draw("a.png", (100, 100, 160, 160), "yours")
    two.is_saved()
    assert [label for label, _ in on_disk(folder, "a.png")] == ["mine", "yours"]
    one.draw("a.png", (200, 100, 260, 160), "last")
    one.page.click("[data-act=keepMine]")
    one.is_saved()
    assert [label for label, _ in on_disk(folder, "a.png")] == ["mine", "last"]


def test_chinese_by_language_and_by_button(tabs):
    tab = tabs("zh-CN")
    assert tab.page.locator("html").get_attribute("lang") == "zh-Hans"
    expect(tab.page.locator("#done")).to_contain_text("正确，下一张")
    expect(tab.page.locator("#status")).to_contain_text("已保存")
    tab.page.click("#language")
    expect(tab.page.locator("#done")).to_contain_text("Right, next")
    tab.page.reload()  # remembered
    tab.shows("a.png")
    expect(tab.page.locator("#done")).to_contain_text("Right, next")


def test_every_word_is_there_in_both_languages(tabs):
    words = tabs().page.evaluate("import('./words.js').then((all) => all.WORDS)")
    assert set(words["en"]) == set(words["zh"])
    assert all(words["en"].values())
    assert all(words["zh"].values())


def test_the_filters(tabs, folder):
    (folder / "prelabel.csv").write_text("picture,confidence\na.png,0.9\nb.png,0.2\nc.png,0.5\n")
    (folder / "review.json").write_text('{"reviewed": ["a.png"]}')
    tab = tabs()
    names = tab.page.locator("#list .title")
    tab.page.select_option("#filter", "unreviewed")
    tab.shows("b.png")
    expect(names).to_have_text(["b.png", "c.png"])
    tab.keys(" ")
    tab.shows("c.png")
    expect(names).to_have_text(["c.png"])
    tab.page.select_option("#filter", "uncertain")
    expect(names).to_have_text(["b.png", "c.png", "a.png"])
    tab.page.click("#list li:first-child")
    tab.shows("b.png")


def test_what_cannot_be_read_is_said_before_it_is_lost(tabs, folder):
    (folder / "classes.txt").write_text("cat\n")
    (folder / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.5 huh\n")
    tab = tabs()
    expect(tab.page.locator("#banner")).to_contain_text("line 2")
    tab.drag("a.png", (10, 10), (60, 60))
    assert tab.page.locator(".box").count() == 1
    assert "huh" in (folder / "a.txt").read_text()
    tab.page.click("[data-act=editAnyway]")
    tab.draw("a.png", (10, 10, 60, 60), "cat")
    tab.is_saved()
    assert len(on_disk(folder, "a.png")) == 2


def test_a_picture_that_is_none_does_not_stop_the_way(tabs, folder):
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(b"no picture")
    try:
        tab = tabs()
        tab.keys("n")
        expect(tab.page.locator("#nothing")).to_contain_text("b.png cannot be read as a picture")
        tab.keys("n")
        tab.shows("c.png")
    finally:
        (folder / "b.png").write_bytes(whole)


def test_a_server_that_is_gone_is_told_and_nothing_is_forgotten(tabs, folder):
    tab = tabs()
    # Only the button tries again; the page by itself would come first on a slow machine.
    tab.page.evaluate(
        "() => { const real = setTimeout;"
        " window.setTimeout = (act, ms) => (ms >= 1000 ? 0 : real(act, ms)); }"
    )
    tab.page.route("**/api/pictures/a.png", lambda route: route.abort())
    tab.draw("a.png", (10, 10, 60, 60), "cat")
    expect(tab.page.locator("#status")).to_have_attribute("data-state", "failed")
    expect(tab.page.locator("#banner")).to_contain_text("still running")
    tab.page.unroute("**/api/pictures/a.png")
    tab.page.click("[data-act=retry]")
    tab.is_saved()
    assert [label for label, _ in on_disk(folder, "a.png")] == ["cat"]
    tab.faults.clear()  # the browser's own words on the aborted request


def test_zoom_keeps_pixels_where_they_are(tabs, folder):
    tab = tabs()
    tab.keys("n", "+", "+", "+")
    tab.shows("b.png")
    expect(tab.page.locator("#stage")).to_have_class("zoomed")
    small = (1150, 760, 1190, 800)
    tab.draw("b.png", small, "dot")
    tab.is_saved()
    assert on_disk(folder, "b.png") == [("dot", close_to(small, 1))]
    tab.keys("0")
    expect(tab.page.locator("#stage")).not_to_have_class("zoomed")


def test_labels_and_orders_of_a_whole_way_are_those_the_server_tells(tabs, server, folder):
    _, url = server
    tab = tabs()
    tab.draw("a.png", (10, 10, 60, 60), "并")
    tab.keys("o")
    tab.click("a.png", 30, 30)
    tab.keys("n")
    tab.shows("b.png")
    sheet = httpx.get(f"{url}/api/pictures/a.png", timeout=600).json()
    assert [(box["label"], box["order"]) for box in sheet["boxes"]] == [("并", 0)]
    assert sheet["reviewed"]


def test_the_window_may_be_small(chromium, server, folder):
    _, url = server
    page = chromium.new_page(viewport={"width": 420, "height": 500})
    page.goto(url)
    sheet = page.locator("#sheet")
    expect(sheet).to_be_visible()
    seen = sheet.bounding_box()
    assert seen["x"] >= 0
    assert seen["x"] + seen["width"] <= 420
    page.close()


def test_the_picture_is_the_one_on_disk(tabs, folder):
    Image.new("RGB", SIZES["c.png"], (255, 0, 0)).save(folder / "c.png")
    tab = tabs()
    tab.open("c.png")
    natural = (
        "(({naturalWidth: w, naturalHeight: h}) => [w, h])(document.getElementById('picture'))"
    )
    assert tuple(tab.page.evaluate(natural)) == SIZES["c.png"]
