"""Kept puzzles: over real HTTP, on real disks, through kills, and on to the labels."""

import base64
import io
import json
import os
import shutil
import signal
import stat
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app
from labels.annotations import ITEM
from labels.click_order import read_order, with_order
from labels.errors import PuzzleSetError
from labels.puzzles import read_puzzles
from labels.reading import read_annotations
from labels.review import Review
from service.capture.sample_capture import Keeper
from service.capture.sample_store import MARK, Content, KeptSet, SampleStoreError
from service.settings import Keep, Settings
from service.solving.answers import Answer, Click, DetectedBox
from service.uploads import Upload, UploadedPrompt, UploadedPuzzle

ROOT = Path(__file__).resolve().parents[3]
COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
PLACES = {"red": 20, "green": 80, "blue": 140}
LINES = "puzzles.jsonl"


def encode(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def scene(*colours, kind="PNG", shade=255):
    image = Image.new("RGB", (200, 60), (shade, shade, shade))
    for colour in colours or COLOURS:
        image.paste(COLOURS[colour], (PLACES[colour], 12, PLACES[colour] + 30, 42))
    return encode(image, kind)


def square(colour):
    return encode(Image.new("RGB", (30, 30), COLOURS[colour]))


def text(data):
    return base64.b64encode(data).decode()


def puzzle(words=("blue", "red"), background=None, **fields):
    return {
        "background": text(background or scene()),
        "prompt": {"words": list(words)},
        "options": {"min_confidence": 1.0},
        **fields,
    }


def kept(folder):
    """The puzzles that are there by now."""
    file = folder / LINES
    some = file.exists() and b"\n" in file.read_bytes()
    return read_puzzles(folder, recorded=True).puzzles if some else ()


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in (LINES, MARK))


def wait_for(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def content(number=0, size=0):
    """A puzzle of its own, with a picture of about `size` bytes."""
    picture = encode(Image.new("RGB", (60, 40), (number % 256, number // 256 % 256, 7)))
    return Content(background=picture + os.urandom(size), words=(f"word {number}",), meta={})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def opened(folder):
    """Opens the folder as the service does; closed when the test ends."""
    sets = []

    def make(**options):
        while sets:
            sets.pop().close()
        sets.append(KeptSet(Keep(dir=folder, **options)))
        sets[0].mend()
        return sets[0]

    yield make
    while sets:
        sets.pop().close()


KEPT = "clickorder_kept_total"
DUPLICATE = 'clickorder_keep_dropped_total{reason="duplicate"}'


# Over HTTP.


def test_nothing_is_kept_unless_asked_for(serve, folder):
    with structlog.testing.capture_logs() as lines, serve() as url:
        assert httpx.post(f"{url}/solve", json=puzzle(), timeout=600).json()["solved"] is False
        assert "clickorder_kept" not in httpx.get(f"{url}/metrics", timeout=600).text
    assert not [line for line in lines if line["event"] == "keeping"]
    assert not folder.exists()


def test_what_is_kept_and_what_is_not(serve, folder):
    with (
        structlog.testing.capture_logs() as lines,
        serve(Settings(keep=Keep(dir=folder))) as url,
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        sure = client.post("/solve", json=puzzle(options={})).json()
        abstained = client.post("/solve", json=puzzle()).json()
        client.post("/solve", json=puzzle(["紫"]))
        client.post("/detect", json={"image": text(scene())})
        wait_for(lambda: len(kept(folder)) == 1)
    assert sure["solved"] is True
    assert sure["confidence"] >= 0.5
    assert abstained["reason"] == "low_confidence"
    (one,) = kept(folder)
    assert one.known is False
    assert (one.words, one.targets, one.family) == ((), (), "kept")
    assert one.prompt == {"words": ("blue", "red")}
    assert (folder / one.background).read_bytes() == scene()
    assert one.meta["reason"] == "low_confidence"
    assert one.meta["models"]["detector"] == "blobs 1.0"
    boxes = {tuple(p["box"]): (p["label"], p["place"]) for p in one.meta["proposals"]}
    assert boxes == {
        (140, 12, 170, 42): ("blue", 0),
        (20, 12, 50, 42): ("red", 1),
        (80, 12, 110, 42): (None, None),
    }
    assert datetime.now(UTC) - datetime.fromisoformat(one.meta["kept_at"]) < timedelta(hours=1)
    (told,) = [line for line in lines if line["event"] == "keeping"]
    assert told["log_level"] == "warning"
    assert (told["folder"], told["max_mb"], told["max_age_days"]) == (str(folder), 200, 14)
    assert "blue" not in str(lines)


def test_an_answer_of_little_confidence_is_kept_though_it_stands(serve, folder):
    keep = Keep(dir=folder, below_confidence=1.0)
    with serve(Settings(keep=keep)) as url:
        answer = httpx.post(f"{url}/solve", json=puzzle(options={}), timeout=600).json()
        wait_for(lambda: len(kept(folder)) == 1)
    assert answer["solved"] is True
    assert kept(folder)[0].meta["reason"] is None


PICTURES = {
    "png": ("PNG", ".png"),
    "jpeg": ("JPEG", ".jpg"),
    "webp": ("WEBP", ".webp"),
    "gif": ("GIF", ".gif"),
    "bmp": ("BMP", ".bmp"),
}


@pytest.mark.parametrize(("kind", "suffix"), PICTURES.values(), ids=PICTURES)
def test_pictures_are_kept_byte_by_byte_under_names_that_say_nothing(serve, folder, kind, suffix):
    sent = scene(kind=kind)
    parts = [
        ("background", ("holiday.exe", sent)),
        ("words", (None, "red")),
        ("options", (None, '{"min_confidence": 1.0}')),
    ]
    with serve(Settings(keep=Keep(dir=folder))) as url:
        assert httpx.post(f"{url}/solve", files=parts, timeout=600).status_code == 200
        wait_for(lambda: len(kept(folder)) == 1)
    (one,) = kept(folder)
    assert (folder / one.background).read_bytes() == sent
    stem, dot, rest = one.background.partition(".")
    assert (len(stem), dot + rest) == (32, suffix)
    assert set(stem) <= set("0123456789abcdef")
    assert "holiday" not in (folder / LINES).read_text()


def test_every_kind_of_prompt_is_kept(serve, folder):
    strip = encode(Image.new("RGB", (40, 30), "white"))
    prompts = {
        "words": {"words": ["red"]},
        "icons": {"icons": [text(square("red")), text(square("blue"))]},
        "image": {"image": text(strip)},
        "region": {"region": [0, 0, 60, 60]},
    }
    with (
        serve(Settings(keep=Keep(dir=folder))) as url,
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        for prompt in prompts.values():
            assert client.post("/solve", json=puzzle() | {"prompt": prompt}).status_code == 200
        wait_for(lambda: len(kept(folder)) == 4)
    by_kind = {one.kind: one for one in kept(folder)}
    assert by_kind["region"].region == (0, 0, 60, 60)
    assert (folder / by_kind["image"].image).read_bytes() == strip
    icons = [(folder / name).read_bytes() for name in by_kind["icons"].icons]
    assert icons == [square("red"), square("blue")]
    # The one background of all four is there once.
    assert len({one.background for one in by_kind.values()}) == 1
    assert len(files(folder)) == 1 + 1 + 2


def test_the_same_puzzle_again_is_not_kept_again_and_all_is_counted(serve, folder):
    settings = Settings(keep=Keep(dir=folder))

    def ask():
        with serve(settings) as url, httpx.Client(base_url=url, timeout=600) as client:
            for words in (["red"], ["red"], ["blue"]):
                client.post("/solve", json=puzzle(words))

            def numbers():
                lines = client.get("/metrics").text.splitlines()
                return dict(x.split() for x in lines if x.startswith("clickorder_ke"))

            wait_for(lambda: sum(float(numbers()[n]) for n in (KEPT, DUPLICATE)) == 3)
            return numbers()

    first, second = ask(), ask()
    assert (first[KEPT], first[DUPLICATE], first["clickorder_keep_puzzles"]) == (
        "2.0",
        "1.0",
        "2.0",
    )
    assert (second[KEPT], second[DUPLICATE]) == ("0.0", "3.0")
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name != MARK)
    assert float(second["clickorder_keep_bytes"]) == size
    assert len(files(folder)) == 1


def test_a_puzzle_of_a_batch_is_kept_too(serve, folder):
    with serve(Settings(keep=Keep(dir=folder))) as url:
        httpx.post(f"{url}/solve/batch", json={"puzzles": [puzzle()]}, timeout=600)
        wait_for(lambda: len(kept(folder)) == 1)


# On to the labels.


def test_kept_puzzles_go_to_the_labels_to_review_and_back(serve, folder, tmp_path):
    asked = [
        puzzle(["blue", "red"]),
        puzzle(["red", "green", "blue"], background=scene(shade=254)),
        puzzle(["blue", "red"], background=scene("blue")),  # one that is not there
        puzzle(background=scene(shade=253)) | {"prompt": {"icons": [text(square("red"))]}},
    ]
    with (
        serve(Settings(keep=Keep(dir=folder))) as url,
        httpx.Client(base_url=url, timeout=600) as client,
    ):
        answers = [client.post("/solve", json=body).json() for body in asked]
        wait_for(lambda: len(kept(folder)) == 4)
    assert answers[2]["reason"] == "missed_target"
    out = tmp_path / "labels"
    done = CliRunner().invoke(app, ["labels", "from-puzzles", str(folder), str(out)])
    assert done.exit_code == 0, done.output
    assert "4 pictures" in done.output
    names = [one.background for one in kept(folder)]
    pictures = {p.path.name: p for p in with_order(read_annotations(out), read_order(out)).pictures}

    def clicks(name):
        ordered = sorted((b.order, b.label) for b in pictures[name].boxes if b.order is not None)
        return [label for _, label in ordered]

    assert clicks(names[0]) == ["blue", "red"]
    assert [b.label for b in pictures[names[0]].boxes if b.order is None] == [ITEM]
    assert clicks(names[1]) == ["red", "green", "blue"]
    assert clicks(names[2]) == [], "with an item missing nobody knows the order"
    assert clicks(names[3]) == [ITEM], "an icon has a place and no name yet"

    review = Review(out)
    sheet = review.read(names[0])
    assert sheet.doubts == ()
    review.save(names[0], sheet.picture.boxes, sheet.version)
    review.mark(names[0], reviewed=True)

    back = tmp_path / "set"
    done = CliRunner().invoke(app, ["labels", "to-puzzles", str(out), str(back)])
    assert done.exit_code == 0, done.output
    known = {one.background: one for one in read_puzzles(back)}
    assert set(known) == set(names[:2])
    assert known[names[0]].words == ("blue", "red")
    assert known[names[0]].targets == ((140, 12, 170, 42), (20, 12, 50, 42))


def test_what_nobody_has_labelled_is_not_measured_or_trained_on(folder, opened):
    opened().add(content())
    with pytest.raises(PuzzleSetError, match="from-puzzles"):
        read_puzzles(folder)
    done = CliRunner().invoke(app, ["evaluate", str(folder)])
    assert done.exit_code != 0
    assert "labels review" in " ".join(done.output.split())


def test_a_word_that_cannot_be_the_name_of_a_class_spoils_no_set(folder, tmp_path):
    with_break = Answer(
        solved=False,
        reason="ambiguous",
        confidence=0.3,
        clicks=(),
        boxes=(DetectedBox((0, 0, 10, 10), 0.9), DetectedBox((50, 30, 99, 99), 0.8)),
        width=60,
        height=40,
        models={},
        timings_ms={},
    )
    click = Click(5, 5, (0, 0, 10, 10), "a\nb\u2028c ", 0.5)
    keeper = Keeper(Keep(dir=folder))
    puzzle = uploaded(content().background, "a\nb\u2028c ")
    keeper.offer(puzzle, replace(with_break, clicks=(click,)))
    keeper.close()
    out = tmp_path / "labels"
    done = CliRunner().invoke(app, ["labels", "from-puzzles", str(folder), str(out)])
    assert done.exit_code == 0, done.output
    (picture,) = read_annotations(out).pictures
    assert [box.label for box in picture.boxes] == ["a b c", ITEM]


# The folder.


def test_the_option_leaves_the_rest_to_the_environment(folder, monkeypatch):
    monkeypatch.setenv("CLICKORDER_KEEP__MAX_MB", "7")
    monkeypatch.setenv("CLICKORDER_KEEP__BELOW_CONFIDENCE", "0.8")
    asked = []
    monkeypatch.setattr("service.serve.run_server", asked.append)
    done = CliRunner().invoke(app, ["serve", "--keep-failures", str(folder)])
    assert done.exit_code == 0, done.output
    assert asked[0].keep == Keep(dir=folder, max_mb=7, below_confidence=0.8)


def test_the_folder_is_for_nobody_else(folder, opened):
    opened().add(content())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_holds_something_else_is_refused(folder):
    folder.mkdir()
    (folder / "mine.png").write_bytes(content().background)
    with pytest.raises(SampleStoreError, match="empty folder"):
        KeptSet(Keep(dir=folder))
    assert [path.name for path in folder.iterdir()] == ["mine.png"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SampleStoreError, match="cannot be kept"):
        KeptSet(Keep(dir=tmp_path / "file" / "kept"))


def test_a_folder_is_for_one_service(folder, opened):
    opened()
    with pytest.raises(SampleStoreError, match="Another service"):
        KeptSet(Keep(dir=folder))


def test_the_command_says_in_one_sentence_what_is_wrong_with_the_folder(folder, python):
    folder.mkdir()
    (folder / "mine.png").touch()
    done = python.run(python.command, "serve", "--keep-failures", folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"clickorder: {folder} holds files that are not kept puzzles")
    assert len(done.stderr.splitlines()) == 1


def test_the_oldest_go_when_the_folder_is_full(folder, opened):
    keeping = opened(max_mb=1)
    for number in range(30):
        assert keeping.add(content(number, size=90_000)) == "kept"
        size = sum(path.stat().st_size for path in folder.iterdir() if path.name != MARK)
        assert keeping.size_bytes == size <= 2**20
    words = [one.prompt["words"][0] for one in kept(folder)]
    assert 8 <= len(words) <= 11
    assert words == [f"word {number}" for number in range(30 - len(words), 30)]
    assert files(folder) == sorted(one.background for one in kept(folder))
    assert keeping.removed == {"age": 0, "size": 30 - len(words)}
    assert keeping.add(content(99, size=2**20)) == "too_large"
    # After another start with a lower limit there is as much as may be.
    assert opened(max_mb=1).size_bytes == keeping.size_bytes


def test_a_picture_stays_while_another_puzzle_has_it(folder, opened):
    keeping = opened(max_mb=1)
    shared = content(0, size=90_000).background
    keeping.add(Content(background=shared, words=("first",), meta={}))
    for number in range(1, 9):
        keeping.add(content(number, size=90_000))
    keeping.add(Content(background=shared, words=("last",), meta={}))
    for number in range(9, 14):
        keeping.add(content(number, size=90_000))
    words = [one.prompt["words"][0] for one in kept(folder)]
    assert "first" not in words
    assert "last" in words
    assert files(folder) == sorted({one.background for one in kept(folder)})


def test_the_old_go(folder, opened, monkeypatch):
    import service.capture.sample_store

    keeping = opened(max_age_days=3)
    now = time.time()
    for days in (9, 5, 2, 0):
        monkeypatch.setattr(
            service.capture.sample_store.time, "time", lambda d=days: now - d * 86_400
        )
        keeping.add(content(days))
    keeping.tidy()
    assert [one.prompt["words"][0] for one in kept(folder)] == ["word 2", "word 0"]
    assert files(folder) == sorted(one.background for one in kept(folder))
    assert keeping.removed["age"] == 2
    monkeypatch.setattr(service.capture.sample_store.time, "time", lambda: now + 9 * 86_400)
    assert len(opened(max_age_days=3)) == 0
    assert files(folder) == []


def test_bytes_that_labels_could_not_read_are_not_kept(folder, opened):
    keeping = opened()
    assert keeping.add(Content(background=b"no picture", words=("a",))) == "unreadable"
    outside = Content(background=content().background, region=(0, 0, 999, 999))
    assert keeping.add(outside) == "unreadable"
    assert files(folder) == []
    assert not (folder / LINES).exists()


TORN = {
    "half-a-line": b'{"id": "x", "backgr',
    "half-a-character": '{"id": "并'.encode()[:-1],
    "no-json": b"hello\n",
    "picture-gone": json.dumps(
        {"id": "x", "background": "gone.png", "prompt": {"words": ["a"]}}
        | {"words": None, "targets": None, "meta": {"kept_at": "2026-01-01T00:00:00+00:00"}}
    ).encode()
    + b"\n",
}


@pytest.mark.parametrize("tail", TORN.values(), ids=TORN)
def test_what_a_kill_has_left_is_cleared_away_at_the_start(folder, opened, tail):
    keeping = opened()
    keeping.add(content(1))
    keeping.add(content(2))
    whole = (folder / LINES).read_bytes()
    if not tail.endswith(b"\n"):
        (folder / LINES).write_bytes(whole + tail)
        assert len(kept(folder)) == 2, "readable before anything is mended"
    (folder / LINES).write_bytes(whole + tail)
    (folder / f"{'0' * 32}.png").write_bytes(b"half a pict")
    (folder / f".{'1' * 32}.png.99-1.part").write_bytes(b"")
    (folder / "notes.txt").write_text("of a person")
    again = opened()
    assert (folder / LINES).read_bytes() == whole
    assert files(folder) == sorted([*(one.background for one in kept(folder)), "notes.txt"])
    assert again.add(content(1)) == "duplicate"
    assert again.add(content(3)) == "kept"
    assert len(kept(folder)) == 3


def test_a_folder_that_is_emptied_by_hand_goes_on(folder, opened):
    keeping = opened()
    keeping.add(content(1))
    for name in [*files(folder), LINES]:
        (folder / name).unlink()
    assert keeping.add(content(1)) == "kept"
    assert len(kept(folder)) == 1


def test_a_full_disk_leaves_no_half_line(folder, opened, monkeypatch):
    keeping = opened()
    keeping.add(content(1))
    real = os.write

    def full(handle, data):
        real(handle, bytes(data)[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.capture.sample_store.os.write", full)
    with pytest.raises(OSError, match="No space"):
        keeping.add(content(2))
    monkeypatch.undo()
    assert (folder / LINES).read_bytes().endswith(b"}\n")
    assert len(files(folder)) == 1
    assert keeping.add(content(2)) == "kept"
    assert len(kept(folder)) == 2


# The thread.


def uploaded(background, word="a"):
    return UploadedPuzzle(Upload(background), UploadedPrompt(words=(word,)))


def answer(confidence=0.1):
    return Answer(False, "ambiguous", confidence, (), (), 60, 40, {}, {})


def test_what_comes_too_fast_is_dropped_and_counted_and_nobody_waits(folder, monkeypatch):
    gate = threading.Event()
    real = KeptSet.add

    def slow(self, what):
        assert gate.wait(600)
        return real(self, what)

    monkeypatch.setattr(KeptSet, "add", slow)
    keeper = Keeper(Keep(dir=folder))
    for number in range(200):
        keeper.offer(uploaded(content(number).background), answer())
    dropped = keeper.now().dropped["busy"]
    assert 200 - 66 <= dropped <= 200 - 64
    large = "A" * (40 * 2**20)
    keeper.offer(uploaded(large), answer())
    assert keeper.now().dropped["busy"] == dropped + 1
    gate.set()
    keeper.close()
    assert keeper.now().kept == len(kept(folder)) == 200 - dropped


def test_a_disk_that_fails_ends_nothing(folder, monkeypatch):
    def fail(self, what):
        raise OSError(28, "No space left on device")

    with structlog.testing.capture_logs() as lines:
        keeper = Keeper(Keep(dir=folder))
        monkeypatch.setattr(KeptSet, "add", fail)
        for number in range(3):
            keeper.offer(uploaded(content(number).background), answer())
        wait_for(lambda: keeper.now().dropped["failed"] == 3)
        monkeypatch.undo()
        keeper.offer(uploaded(content(9).background), answer())
        keeper.close()
    assert keeper.now().kept == 1
    told = [line for line in lines if line["event"] == "keeping_failed"]
    assert [line["log_level"] for line in told] == ["warning", "debug", "debug"]
    assert told[0]["errno"] == 28


WRITER = """
import io, os, sys
from pathlib import Path
from PIL import Image
from service.capture.sample_store import Content, KeptSet
from service.settings import Keep

def content(number):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (number % 256, number // 256 % 256, 7)).save(file, "PNG")
    picture = file.getvalue() + os.urandom(60_000)
    return Content(background=picture, words=(f"word {number}",), meta={})

def keep():
    keeping = KeptSet(Keep(dir=Path(sys.argv[1]), max_mb=1))
    keeping.mend()
    return keeping
"""
FOREVER = """
keeping = keep()
number = int(sys.argv[2])
print("open", flush=True)
while True:
    number += 1
    keeping.add(content(number))
    print(number, flush=True)
"""
# Ends without any cleaning up right before the n-th time that a file is opened, renamed or removed,
# or in the middle of a line: for every n there is, each on a copy of the folder.
STEP_BY_STEP = """
import itertools, shutil
left = 0
half = os.write

def step():
    global left
    left -= 1
    if left < 0:
        os._exit(9)

def watch(event, arguments):
    if event in ("open", "os.rename", "os.remove") and sys.argv[1] in str(arguments[0]):
        step()

def write(handle, data):
    written = half(handle, bytes(data)[:30])
    step()
    return written + half(handle, bytes(data)[30:])

template = sys.argv[1]
for steps in itertools.count():
    sys.argv[1] = f"{template}-{steps}"
    shutil.copytree(template, sys.argv[1])
    child = os.fork()
    if not child:
        left = steps
        sys.addaudithook(watch)
        os.write = write
        keeping = keep()
        for number in range(200, 203):
            keeping.add(content(number))
        os._exit(0)
    if not os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        print(steps)
        break
"""


def assert_mends(folder):
    """A set that can be read as it is, and has nothing in it that is not told of afterwards."""
    before = [one.id for one in kept(folder)]
    keeping = KeptSet(Keep(dir=folder, max_mb=1))
    keeping.mend()
    keeping.close()
    assert [one.id for one in kept(folder)] == before
    assert files(folder) == sorted(one.background for one in kept(folder))


def test_kill_minus_nine_leaves_a_set_that_can_be_read(folder, python):
    """The writer fills the folder many times over, so that kills hit the removal as well."""
    number = 0
    for round_ in range(6):
        with python.start(WRITER + FOREVER, folder, number) as process:
            for _ in range(4 + 13 * round_):
                line = process.stdout.readline().strip()
            time.sleep(0.0007 * round_)
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        number = int(rest[-1] if rest else line)
        # What was said to be kept is there, up to one that was written and not yet told.
        last = int(kept(folder)[-1].prompt["words"][0].split()[1])
        assert last in (number, number + 1)
        number += 1
    assert_mends(folder)


def test_an_end_at_any_step_leaves_a_set_that_can_be_read(folder, python):
    full = KeptSet(Keep(dir=folder, max_mb=1))
    full.mend()
    while not full.removed["size"]:
        full.add(content(len(full), size=60_000))
    while full.size_bytes + 200_000 < 2**20:
        full.add(content(100 + len(full), size=60_000))
    full.close()
    with python.start(WRITER + STEP_BY_STEP, folder) as process:
        steps = int(process.stdout.read())
    assert steps > 30
    before = {one.id for one in kept(folder)}
    lost = set()
    for number in range(steps + 1):
        copy = folder.with_name(f"{folder.name}-{number}")
        now = {one.id for one in kept(copy)}
        lost.add(len(before - now))
        assert_mends(copy)
        shutil.rmtree(copy)
    assert 0 in lost
    assert len(lost) == 2, "the oldest go all at once or not at all"
