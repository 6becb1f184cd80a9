"""The page at `/` in a real Chromium: mouse, keyboard, drop and paste, phone, two languages.

`CLICKORDER_SCREENSHOT=benchmarks/page.png` makes the picture of the README on the way; it needs a
Chinese font on the machine (`apt-get install fonts-noto-cjk`).
"""

import base64
import contextlib
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from service.pages.page import FOLDER
from service.security.keys import hash_of, new_key
from service.settings import KeyEntry, Settings

PUZZLES = Path(__file__).resolve().parents[3] / "benchmarks" / "puzzles"
# Patience with a busy machine: nothing here is about speed.
expect.set_options(timeout=600_000)

WINDOW = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 844}
COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
BOXES = {"red": (20, 12, 50, 42), "green": (80, 30, 110, 60), "blue": (140, 8, 170, 38)}


def encode(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def scene(size=(200, 80), boxes=BOXES):
    image = Image.new("RGB", size, "white")
    for colour, box in boxes.items():
        image.paste(COLOURS[colour], box)
    return image


SCENE = encode(scene())
STRIP = encode(scene((120, 40), {"blue": (5, 5, 35, 35), "green": (60, 5, 90, 35)}))
SQUARES = {colour: encode(Image.new("RGB", (30, 30), rgb)) for colour, rgb in COLOURS.items()}
# The prompt in the left 70 columns, the targets on the right.
COMPOSITE_IMAGE = Image.new("RGB", (270, 80), "white")
COMPOSITE_IMAGE.paste(scene((70, 80), {"blue": (10, 10, 40, 40)}), (0, 0))
COMPOSITE_IMAGE.paste(scene(), (70, 0))
COMPOSITE = encode(COMPOSITE_IMAGE)


def named(name, content):
    return {"name": name, "mimeType": "image/png", "buffer": content}


@pytest.fixture(scope="module")
def chromium(open_chromium):
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def real_url(serve, shipped):
    with serve(Settings(), lambda _: shipped) as address:
        yield address


class Tab:
    """A person with one tab of the page; nothing but the service can be reached from it."""

    def __init__(self, context, url):
        self.context = context
        self.page = context.new_page()
        self.url = url
        self.faults = []
        self.elsewhere = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        context.route(re.compile(".*"), self._route)
        self.page.goto(url)
        expect(self.page.locator("#language")).not_to_be_empty()

    def _console(self, message):
        # The browser itself tells of every answer that is an error.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def _route(self, route):
        if route.request.url.startswith((self.url, "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def __getitem__(self, name):
        return self.page.locator(f"#{name}")

    def choose(self, name, content=SCENE, field="background-file"):
        self[field].set_input_files([named(name, content)])

    def kind(self, kind):
        self.page.locator(f"label[for=kind-{kind}]").click()

    def solve(self):
        self["solve"].click()
        self.is_answered()

    def is_answered(self):
        expect(self["answer"]).to_be_visible(timeout=600_000)

    def drop(self, zone, *files):
        """Drop files from the desktop."""
        self._hand_over("DragEvent", "drop", "dataTransfer", zone, files)

    def paste(self, zone, *files):
        self._hand_over("ClipboardEvent", "paste", "clipboardData", zone, files)

    def _hand_over(self, event, kind, field, zone, files):
        sent = [(name, base64.b64encode(content).decode()) for name, content in files]
        self.page.evaluate(
            """([event, kind, field, zone, files]) => {
                const transfer = new DataTransfer();
                for (const [name, text] of files) {
                    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
                    transfer.items.add(new File([bytes], name, { type: "image/png" }));
                }
                document.getElementById(zone).dispatchEvent(new window[event](
                    kind, { bubbles: true, cancelable: true, [field]: transfer }));
            }""",
            [event, kind, field, zone, sent],
        )

    def dots(self):
        """Where the clicks are drawn, in pixels of the picture."""
        return self.page.evaluate("""() => {
            const image = document.getElementById("picture");
            const seen = image.getBoundingClientRect();
            return [...document.querySelectorAll(".click .dot")].map((dot) => {
                const at = dot.getBoundingClientRect();
                return [
                    (at.left + at.width / 2 - seen.left) * image.naturalWidth / seen.width,
                    (at.top + at.height / 2 - seen.top) * image.naturalHeight / seen.height,
                ];
            });
        }""")

    def clicked(self):
        """The colours below the dots, in the order of their numbers."""
        assert self.page.locator(".click .tag b").all_text_contents() == [
            str(place + 1) for place in range(len(self.dots()))
        ]
        return [self._colour(x, y) for x, y in self.dots()]

    def _colour(self, x, y):
        offset = self.page.evaluate("document.getElementById('picture').naturalWidth") - 200
        (found,) = [
            colour
            for colour, (x1, y1, x2, y2) in BOXES.items()
            if abs(x - offset - (x1 + x2) / 2) < 2 and abs(y - (y1 + y2) / 2) < 2
        ]
        return found

    def answer(self):
        """What stands under "Answer"."""
        self.page.locator("label[for=tongue-answer]").click()
        return json.loads(self["lines"].text_content())

    def is_not_too_wide(self):
        width = self.page.viewport_size["width"]
        return self.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def tabs(chromium, url):
    """Opens tabs; each must have run without a fault, and without asking anybody else."""
    opened = []

    def open_tab(address=url, locale="en-GB", viewport=WINDOW, **options):
        context = chromium.new_context(viewport=viewport, locale=locale, **options)
        context.set_default_timeout(600_000)
        opened.append(Tab(context, address))
        return opened[-1]

    yield open_tab
    for tab in opened:
        tab.context.close()
        assert tab.faults == []
        assert tab.elsewhere == []


def test_words_with_the_mouse(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab["words"].fill("blue red")
    assert tab.page.locator("#word-list li").all_text_contents() == ["blue", "red"]
    tab.solve()
    assert tab.clicked() == ["blue", "red"]
    expect(tab["verdict"]).to_have_text(
        re.compile(r"Solved: 2 clicks with a confidence of 9\d\.\d")
    )
    rows = tab.page.locator("#click-list .pointer")
    assert [text.split("x ")[0] for text in rows.all_text_contents()] == ["blue", "red"]
    assert "x 155, y 23" in rows.first.text_content()
    assert tab.page.locator("#times dt").all_text_contents() == [
        "read pictures", "find boxes", "compare", "assign", "total", "round trip",
    ]  # fmt: skip
    assert tab.page.locator("#times .bar").count() == 4
    expect(tab["box-count"]).to_have_text("All boxes (3)")
    assert tab["picture"].get_attribute("alt").startswith("scene.png, 200 × 80 pixels")


def test_all_boxes_are_shown_under_the_mouse_at_a_button_and_from_the_list(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab["words"].fill("red")
    tab.solve()
    boxes = tab.page.locator("#boxes .box")
    shown = "[...document.querySelectorAll('#boxes .box')].map((b) => getComputedStyle(b).opacity)"
    tab.page.mouse.move(1, 1)
    assert tab.page.evaluate(shown) == ["0"] * 3
    tab["sheet"].hover()
    assert tab.page.evaluate(shown) == ["1"] * 3
    tab.page.mouse.move(1, 1)
    tab["all-boxes"].click()
    tab.page.mouse.move(1, 1)
    assert tab.page.evaluate(shown) == ["1"] * 3
    expect(tab["all-boxes"]).to_have_attribute("aria-pressed", "true")
    tab["all-boxes"].click()
    tab.page.mouse.move(1, 1)
    tab["box-count"].click()
    tab.page.locator("#box-list .pointer").nth(1).focus()
    assert sorted(tab.page.evaluate(shown)) == ["0", "0", "1"]
    expect(boxes.nth(1)).to_have_class(re.compile("pointed"))


def test_keyboard_alone(tabs):
    tab = tabs()
    keys = tab.page.keyboard

    def tab_to(name):
        for _ in range(40):
            keys.press("Tab")
            if tab.page.evaluate("document.activeElement.id") == name:
                return
        pytest.fail(f"{name} cannot be reached")

    # Asked for before the way there: the browser is told to hand choosers over without an answer.
    with tab.page.expect_file_chooser() as chooser:
        tab_to("background-file")
        keys.press("Enter")
    chooser.value.set_files([named("scene.png", COMPOSITE)])
    tab_to("kind-words")
    for _ in range(3):
        keys.press("ArrowRight")
    expect(tab["x1"]).to_be_visible()
    for name, side in zip(("x1", "y1", "x2", "y2"), (0, 0, 70, 80), strict=True):
        tab_to(name)
        keys.type(str(side))
    keys.press("Enter")
    tab.is_answered()
    assert tab.clicked() == ["blue"]
    tab_to("solve")
    keys.press("Tab")
    assert "Click 1" in tab.page.evaluate("document.activeElement.textContent")
    expect(tab.page.locator("#clicks .click").first).to_have_class(re.compile("pointed"))
    tab_to("tongue-curl")
    keys.press("ArrowRight")
    expect(tab["lines"]).to_contain_text("httpx.post")
    tab_to("copy")


def test_focus_can_be_seen(tabs):
    tab = tabs()
    for field, shown in (
        ("background-file", "label.button"),
        ("kind-words", "label[for=kind-words]"),
    ):
        tab[field].focus()
        tab.page.keyboard.press("Shift+Tab")
        tab.page.keyboard.press("Tab")
        outline = tab.page.locator(shown).first.evaluate("(e) => getComputedStyle(e).outlineStyle")
        assert outline == "solid", field


def icon_names(tab):
    return tab.page.locator("#icon-list .title").all_text_contents()


def test_icons_are_dropped_ordered_and_removed(tabs):
    tab = tabs()
    tab.drop("stage", ("scene.png", SCENE))
    expect(tab["sheet"]).to_be_visible()
    tab.drop("prompt-zone", *((f"{colour}.png", data) for colour, data in SQUARES.items()))
    expect(tab["kind-icons"]).to_be_checked()
    expect(tab.page.locator("#icon-list li")).to_have_count(3)
    assert icon_names(tab) == ["red.png", "green.png", "blue.png"]
    tab.page.get_by_role("button", name="Move blue.png forward").click()
    assert icon_names(tab) == ["red.png", "blue.png", "green.png"]
    # The keyboard stays with the icon.
    tab.page.keyboard.press("Enter")
    assert icon_names(tab) == ["blue.png", "red.png", "green.png"]
    tab.page.get_by_role("button", name="Remove red.png").click()
    tab.solve()
    assert tab.clicked() == ["blue", "green"]
    tab.page.get_by_role("button", name="Move blue.png back").click()
    expect(tab["answer"]).to_be_hidden()
    assert tab.dots() == []
    tab.solve()
    assert tab.clicked() == ["green", "blue"]


def test_a_prompt_picture_is_dropped(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab.drop("prompt-zone", ("strip.png", STRIP))
    expect(tab["image"]).to_be_visible()
    tab.solve()
    assert tab.clicked() == ["blue", "green"]


def test_pictures_are_pasted(tabs):
    tab = tabs()
    tab.paste("stage", ("image.png", SCENE))
    expect(tab["background-name"]).to_have_text("pasted.png, 200 × 80 pixels")
    tab.kind("icons")
    tab.paste("icon-files", ("image.png", SQUARES["red"]))
    expect(tab.page.locator("#icon-list li")).to_have_count(1)
    tab.paste("icon-files", ("image.png", SQUARES["blue"]))
    expect(tab.page.locator("#icon-list li")).to_have_count(2)
    assert icon_names(tab) == ["pasted-1.png", "pasted-2.png"]
    tab.solve()
    assert tab.clicked() == ["red", "blue"]


def test_a_region_is_drawn(tabs):
    tab = tabs()
    tab.choose("both.png", COMPOSITE)
    tab.kind("region")
    seen = tab["picture"].bounding_box()
    scale = seen["width"] / 270
    tab.page.mouse.move(seen["x"] + 69.5 * scale, seen["y"] + 79.5 * scale)
    tab.page.mouse.down()
    tab.page.mouse.move(seen["x"] + 30 * scale, seen["y"] + 30 * scale)
    tab.page.mouse.move(seen["x"] - 50, seen["y"] - 50)  # as far as the picture goes
    tab.page.mouse.up()
    corners = [tab[name].input_value() for name in ("x1", "y1", "x2", "y2")]
    assert corners == ["0", "0", "70", "80"]
    drawn = tab["region"].bounding_box()
    assert drawn["width"] == pytest.approx(70 * scale, abs=1)
    tab.solve()
    assert tab.clicked() == ["blue"]


WORDS = {
    "spaces": ("blue  red", ["blue", "red"]),
    "commas": ("A7, 站、x，y", ["A7", "站", "x", "y"]),
    "chinese": ("并细什", ["并", "细", "什"]),
    "spaced-chinese-stays-whole": ("火箭 站", ["火箭", "站"]),
    "mixed": ("站A7<rocket>并", ["站", "A7", "<rocket>", "并"]),
    "nothing": ("  ", []),
}


def test_words_are_told_apart_as_they_are_typed(tabs):
    tab = tabs()
    for typed, words in WORDS.values():
        tab["words"].fill(typed)
        assert tab.page.locator("#word-list li").all_text_contents() == words


def test_an_answer_that_is_not_sure_enough_is_declined_in_words(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab["words"].fill("blue red")
    tab["confidence"].fill("100")
    tab.solve()
    expect(tab["verdict"]).to_have_text(
        re.compile(r"Declined: the confidence of 9\d\.\d % is below the minimum of 100 %\.")
    )
    assert tab.clicked() == ["blue", "red"]
    tab["words"].fill("blue red green red")
    tab["confidence"].fill("0")
    tab.solve()
    expect(tab["verdict"]).to_contain_text("fewer items were found in the picture")


def test_what_is_missing_is_told_and_the_cursor_goes_there(tabs):
    tab = tabs()
    tab["solve"].click()
    expect(tab["problem"]).to_contain_text("Choose a picture first")
    expect(tab["background-file"]).to_be_focused()
    tab.choose("scene.png")
    expect(tab["problem"]).to_be_hidden()
    for kind, sentence, field in (
        ("words", "Type at least one word.", "words"),
        ("icons", "Add at least one icon.", "icon-files"),
        ("image", "Choose the prompt picture.", "image-file"),
        ("region", "Draw a box around the prompt", "x1"),
    ):
        tab.kind(kind)
        tab["solve"].click()
        expect(tab["problem-detail"]).to_contain_text(sentence)
        expect(tab[field]).to_be_focused()


def test_problems_are_shown_as_their_sentence_with_their_field(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab["words"].fill("紫")
    with tab.page.expect_response("**/solve") as sent:
        tab["solve"].click()
    problem = sent.value.json()
    assert sent.value.status == 422
    expect(tab["problem-title"]).to_have_text("The service refused the request (422)")
    expect(tab["problem-detail"]).to_have_text(problem["detail"].replace("`", ""))
    expect(tab["problem-id"]).to_contain_text(problem["request_id"])
    expect(tab["answer"]).to_be_hidden()
    tab["words"].fill("red " + "x" * 40)
    tab["solve"].click()
    expect(tab["problem-detail"]).to_contain_text("prompt.words[1]")
    expect(tab["words"]).to_have_attribute("aria-invalid", "true")
    tab["words"].fill("red")
    expect(tab["words"]).not_to_have_attribute("aria-invalid", "true")
    tab.solve()
    expect(tab["problem"]).to_be_hidden()


def test_a_file_that_is_no_picture_and_a_service_that_is_gone(tabs):
    tab = tabs()
    tab["background-file"].set_input_files(
        [{"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"}]
    )
    expect(tab["problem-detail"]).to_contain_text("“notes.png” is no picture")
    tab.choose("scene.png")
    tab["words"].fill("red")
    tab.page.route("**/solve", lambda route: route.abort())
    tab["solve"].click()
    expect(tab["problem-detail"]).to_contain_text("does not answer")
    tab.page.unroute("**/solve")
    tab.page.route("**/solve", lambda route: route.fulfill(status=502, body="<html>bad gateway"))
    tab["solve"].click()
    expect(tab["problem"]).to_contain_text("(502)")
    tab.page.unroute("**/solve")
    tab.page.route("**/solve", lambda route: route.fulfill(
        status=503, headers={"Retry-After": "7"}, content_type="application/problem+json",
        body='{"detail": "The queue is full; try again later.", "code": "overloaded"}',
    ))  # fmt: skip
    tab["solve"].click()
    expect(tab["problem-detail"]).to_have_text(
        "The queue is full; try again later. Try again in 7 s."
    )


def test_an_answer_that_comes_too_late_is_dropped(tabs):
    tab = tabs()
    held = []
    tab.page.route("**/solve", lambda route: route.continue_() if held else held.append(route))
    tab.choose("scene.png")
    tab["words"].fill("red")
    tab["solve"].click()
    expect(tab["verdict"]).to_have_text("Solving …")
    tab["words"].fill("blue")  # the page gives the first request up
    expect(tab["verdict"]).to_be_empty()
    tab.solve()
    assert tab.clicked() == ["blue"]
    with contextlib.suppress(PlaywrightError):  # of a request that is given up already
        held[0].continue_()
    tab.page.wait_for_timeout(500)
    assert tab.clicked() == ["blue"]


def test_a_key_is_asked_for_kept_in_the_tab_and_forgotten(tabs, serve):
    key = new_key()
    entry = KeyEntry(name="tests", hash=hash_of(key))
    with serve(Settings(keys=(entry,))) as url:
        _use_a_key(tabs(url), key)


def _use_a_key(tab, key):
    tab.choose("scene.png")
    tab["words"].fill("red")
    expect(tab["key-panel"]).to_be_hidden()
    tab["solve"].click()
    expect(tab["problem-title"]).to_have_text("The service refused the request (401)")
    missing = tab["problem-detail"].text_content()
    expect(tab["key"]).to_be_focused()
    tab.page.keyboard.type(new_key())
    tab.page.keyboard.press("Enter")
    expect(tab["key"]).to_have_value("")
    expect(tab["problem-detail"]).not_to_have_text(missing)  # a wrong key is another problem
    expect(tab["problem-title"]).to_have_text("The service refused the request (401)")
    expect(tab["forget"]).to_be_hidden()
    tab["key"].fill(key)
    tab.page.keyboard.press("Enter")
    tab.is_answered()
    assert tab.clicked() == ["red"]
    for tongue, name in (
        ("curl", "$CLICKORDER_KEY"), ("python", "os.environ['CLICKORDER_KEY']"),
        ("javascript", "process.env.CLICKORDER_KEY"),
    ):  # fmt: skip
        tab.page.locator(f"label[for=tongue-{tongue}]").click()
        assert name in tab["lines"].text_content()
    assert key not in tab.page.content()
    assert key not in tab.page.evaluate("JSON.stringify(localStorage) + document.cookie")
    tab.page.reload()
    tab.choose("scene.png")
    tab["words"].fill("blue")
    tab.solve()
    tab["forget"].click()
    assert tab.page.evaluate("sessionStorage.length") == 0
    tab["solve"].click()
    expect(tab["problem-detail"]).to_have_text(missing)


def test_model_site_and_type_are_sent(tabs):
    tab = tabs()
    tab.choose("scene.png")
    tab["words"].fill("red")
    tab.page.locator("#more summary").click()
    for name in ("model", "site", "type"):
        tab[name].fill(f"my {name}")
    with tab.page.expect_request("**/solve") as sent:
        tab["solve"].click()
    body = sent.value.post_data_buffer.decode("latin-1")
    for name in ("model", "site", "type"):
        assert f'name="{name}"\r\n\r\nmy {name}\r\n' in body
    expect(tab["lines"]).to_contain_text("--form-string 'site=my site'")


RUN = {
    "curl": lambda lines: ["bash", "-c", lines],
    # The Node.js that Playwright brings.
    "javascript": lambda lines: [
        compute_driver_executable()[0], "--input-type=module", "-e", lines,
    ],
}  # fmt: skip
ODD = """it's "a" \\ b; c,d & $HOME `x` 图.png"""


@pytest.mark.parametrize("tongue", ["curl", "python", "javascript"])
def test_the_lines_of_the_request_run_as_pasted(tabs, tmp_path, python, tongue):
    tab = tabs()
    tab.page.locator(f"label[for=tongue-{tongue}]").click()
    tab.choose(ODD, COMPOSITE)
    (tmp_path / ODD).write_bytes(COMPOSITE)
    tab["confidence"].fill("29")

    def run_lines():
        lines = tab["lines"].text_content()
        if tongue == "javascript":
            lines = lines.replace("console.log(await", "console.log(JSON.stringify(await")
            lines = lines.replace("response.json());", "response.json()));")
        if tongue == "python":
            lines = lines.replace("print(response.json())", "print(response.text)")
            done = python.run(f"import os; os.chdir({str(tmp_path)!r})\n{lines}")
        else:
            done = subprocess.run(
                RUN[tongue](lines), cwd=tmp_path, capture_output=True, text=True, timeout=600,
                check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        wanted = tab.answer()
        for changing in ("timings_ms", "request_id"):
            assert changing in answer
            del answer[changing], wanted[changing]
        assert answer == wanted
        tab.page.locator(f"label[for=tongue-{tongue}]").click()

    tab.kind("region")
    for name, side in zip(("x1", "y1", "x2", "y2"), (0, 0, 70, 80), strict=True):
        tab[name].fill(str(side))
    tab.solve()
    run_lines()

    tab.kind("words")
    tab["words"].fill("blue red")
    tab.solve()
    run_lines()

    # Two folders have an `icon.png`; what the page offers to save is what the lines read.
    tab.kind("icons")
    tab.choose("icon.png", SQUARES["green"], "icon-files")
    expect(tab.page.locator("#icon-list li")).to_have_count(1)
    tab.choose("icon.png", SQUARES["red"], "icon-files")
    expect(tab.page.locator("#icon-list li")).to_have_count(2)
    assert icon_names(tab) == ["icon.png", "icon-2.png"]
    tab.solve()
    links = tab.page.locator("#files a")
    assert links.all_text_contents() == [ODD, "icon.png", "icon-2.png"]
    for place in (1, 2):
        with tab.page.expect_download() as saved:
            links.nth(place).click()
        saved.value.save_as(tmp_path / saved.value.suggested_filename)
    run_lines()

    # A word that means something to a shell, to curl and to Python comes back as the label.
    tab.kind("words")
    word = """@'"\\$(x)"""
    tab["words"].fill(word)
    tab.page.locator("#more summary").click()
    tab["site"].fill("@my 'site';type=text/html")
    tab.solve()
    expect(tab.page.locator("#click-list .title")).to_have_text(word)
    run_lines()


def test_the_lines_are_copied(tabs):
    tab = tabs(permissions=["clipboard-read", "clipboard-write"])
    expect(tab["copy"]).to_be_disabled()
    tab.choose("scene.png")
    tab["words"].fill("red")
    tab["copy"].click()
    expect(tab["copy"]).to_have_text("Copied")
    assert tab.page.evaluate("navigator.clipboard.readText()") == tab["lines"].text_content()
    assert tab["lines"].text_content() == (
        f"curl {tab.url}/solve \\\n"
        "  -F background=@scene.png \\\n"
        "  --form-string 'words=[\"red\"]'\n"
    )


def test_chinese_by_the_browsers_language_and_by_the_switch(tabs):
    tab = tabs(locale="zh-CN")
    assert tab.page.evaluate("document.documentElement.lang") == "zh-CN"
    expect(tab["solve"]).to_have_text("求解")
    tab.choose("scene.png")
    tab["words"].fill("blue red")
    tab.solve()
    expect(tab["verdict"]).to_have_text(re.compile(r"^已解出：2 次点击，置信度 9\d\.\d %。$"))
    tab["language"].click()
    expect(tab["verdict"]).to_have_text(re.compile("^Solved: 2 clicks"))
    assert tab.page.evaluate("document.documentElement.lang") == "en"
    tab.page.reload()
    expect(tab["solve"]).to_have_text("Solve")
    tab["language"].click()
    tab.page.reload()
    expect(tab["solve"]).to_have_text("求解")
    said = tab.page.locator("main").inner_text()
    left = re.sub(r"curl|Python|JavaScript|%|x1|y1|x2|y2|[^A-Za-z]", "", said)
    assert left == "", "something is not said in Chinese"


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_phone(tabs, locale):
    tab = tabs(locale=locale, viewport=PHONE, has_touch=True, is_mobile=True)
    assert tab.is_not_too_wide()
    long_name = "a_very_long_name_without_any_place_to_break_it_" * 3 + ".png"
    tab.choose(long_name)
    tab.kind("icons")
    tab.choose(long_name, SQUARES["blue"], "icon-files")
    tab["solve"].tap()
    tab.is_answered()
    assert tab.clicked() == ["blue"]
    assert tab["picture"].bounding_box()["y"] >= 0, "the clicks are out of sight"
    assert tab.is_not_too_wide()
    for kind in ("words", "icons", "image", "region"):
        tab.kind(kind)
        tab.page.locator("#more").evaluate("(more) => { more.open = true; }")
        assert tab.is_not_too_wide(), kind
    tab.kind("words")
    tab["words"].fill("x" * 100)
    assert tab.is_not_too_wide()
    tab["solve"].tap()
    expect(tab["problem"]).to_be_visible()
    assert tab.is_not_too_wide()


# WCAG 2.2, relative luminance and contrast of text of normal size.
CONTRAST = """() => {
    const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => colour.slice(0, 3).map((value) => value / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, channel) => sum + v * [0.2126, 0.7152, 0.0722][channel], 0);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = rgba(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.8) return colour;
        }
        return [255, 255, 255];
    };
    const low = [];
    for (const element of document.querySelectorAll("body *")) {
        const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
        if (!text.length || !element.checkVisibility() || element.disabled) continue;
        const colours = [rgba(getComputedStyle(element).color), ground(element)];
        const [a, b] = colours.map(luminance);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low.push([element.tagName, element.id, text[0].data, ratio]);
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(tabs, scheme):
    tab = tabs(color_scheme=scheme)
    grounds = {"light": "rgb(244, 245, 247)", "dark": "rgb(22, 24, 29)"}
    ground = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == grounds[scheme]
    assert tab.page.evaluate(CONTRAST) == []
    tab.choose("scene.png")
    tab["words"].fill("blue red")
    for confidence in ("0", "100"):
        tab["confidence"].fill(confidence)
        tab.solve()
        assert tab.page.evaluate(CONTRAST) == []
    tab["words"].fill("紫")
    tab["solve"].click()
    expect(tab["problem"]).to_be_visible()
    tab["key-panel"].evaluate("(panel) => { panel.hidden = false; }")
    assert tab.page.evaluate(CONTRAST) == []


def test_the_result_is_announced_and_every_field_has_a_name(tabs):
    tab = tabs()
    expect(tab["verdict"]).to_have_role("status")
    expect(tab["problem"]).to_have_role("alert")
    tab.choose("scene.png")
    tab["words"].fill("blue")
    tab.solve()
    nameless = tab.page.evaluate("""() =>
        [...document.querySelectorAll("input, button, select")].filter((field) => (
            !field.textContent && !field.ariaLabel && ![...(field.labels ?? [])].some(
                (label) => label.textContent.trim())
        )).map((field) => field.id)""")
    assert nameless == []


SAMPLES = {
    "words": "text-words-00001",
    "icons": "icon-list-00063",
    "image": "icon-strip-00031",
    "region": "composite-00056",
}


def puzzle_of(name):
    family = name.rpartition("-")[0]
    lines = (PUZZLES / family / "puzzles.jsonl").read_text().splitlines()
    (puzzle,) = [one for one in map(json.loads, lines) if one["id"] == name]
    return PUZZLES / family, puzzle


@pytest.mark.parametrize(("kind", "name"), SAMPLES.items(), ids=SAMPLES)
def test_the_shipped_models_solve_the_samples_at_one_click(tabs, real_url, kind, name):
    folder, puzzle = puzzle_of(name)
    background = puzzle["background"]
    assert (FOLDER / "samples" / background).read_bytes() == (folder / background).read_bytes()
    tab = tabs(real_url)
    tab.page.locator(f"[data-sample={kind}]").click()
    tab.is_answered()
    expect(tab["verdict"]).to_have_attribute("data-state", "solved")
    dots = tab.dots()
    assert len(dots) == len(puzzle["targets"])
    for (x, y), (x1, y1, x2, y2) in zip(dots, puzzle["targets"], strict=True):
        assert x1 <= x < x2
        assert y1 <= y < y2
    if kind == "words" and (file := os.environ.get("CLICKORDER_SCREENSHOT")):
        tab.page.mouse.move(1, 1)
        tab.page.evaluate("document.activeElement.blur()")
        shot = Image.open(io.BytesIO(tab.page.screenshot(full_page=True)))
        shot.convert("RGB").save(file, "PNG", optimize=True)
