"""The review page over HTTP: who may ask, what is served, what a save answers, and `kill -9`."""

import io
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app
from clickorder.review.app import HEADER, PAGE
from labels.review import Review

ROOT = Path(__file__).resolve().parents[3]
WRITE = {HEADER: "1"}


SIZES = {"a.png": (300, 200), "b #1 中.png": (64, 48), "in/c.tif": (32, 32)}


@pytest.fixture
def folder(review_folder):
    return review_folder(SIZES)


@pytest.fixture
def http(folder, serve_review):
    with serve_review(folder) as url, httpx.Client(base_url=url, timeout=600) as client:
        yield client


@pytest.fixture(scope="module")
def untouched(review_folder):
    """A folder for requests that change nothing."""
    folder = review_folder(SIZES)
    Image.new("RGB", (9, 9)).save(folder.parent / "secret.png")
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    return folder


@pytest.fixture(scope="module")
def reader(untouched, serve_review):
    with serve_review(untouched) as url, httpx.Client(base_url=url, timeout=600) as client:
        yield client


def saved(http, name, boxes, version=None, **more):
    if version is None:
        version = http.get(f"/api/pictures/{name}").json()["version"]
    body = {"boxes": boxes, "version": version, **more}
    return http.put(f"/api/pictures/{name}", json=body, headers=WRITE)


BOX = {"box": [30, 20, 60, 60], "label": "猫", "order": 0}


def test_the_list_a_picture_and_a_save(http, folder):
    listed = http.get("/api/pictures").json()
    assert [one["name"] for one in listed["pictures"]] == ["a.png", "b #1 中.png", "in/c.tif"]
    answer = saved(http, "a.png", [BOX])
    assert answer.status_code == 200
    sheet = http.get("/api/pictures/a.png").json()
    assert sheet == answer.json()
    assert sheet["boxes"] == [{"box": [30, 20, 60, 60], "label": "猫", "order": 0} | {
        "confidence": None,
        "box": [pytest.approx(side) for side in BOX["box"]],
    }]  # fmt: skip
    assert (sheet["width"], sheet["height"], sheet["classes"]) == (300, 200, ["猫"])
    assert (folder / "a.txt").read_text() == "0 0.15 0.2 0.1 0.2\n"
    assert json.loads((folder / "order.json").read_text()) == {"a.png": [0]}


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("a.png", "image/png", (300, 200)),
        ("b #1 中.png", "image/png", (64, 48)),
        ("in/c.tif", "image/png", (32, 32)),  # browsers do not show TIFF
    ],
)
def test_the_pixels_of_a_picture(reader, name, kind, size):
    address = reader.get("/api/pictures/" + name.replace("#", "%23")).json()["picture"]
    answer = reader.get(f"/{address}")
    assert answer.headers["content-type"] == kind
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == size


def test_a_mark_is_remembered(http, folder):
    assert http.put("/api/reviewed/a.png", json={"reviewed": True}, headers=WRITE).is_success
    assert json.loads((folder / "review.json").read_text()) == {"reviewed": ["a.png"]}
    assert http.get("/api/pictures/a.png").json()["reviewed"] is True


def problem(answer, status, code):
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["type"] == f"urn:clickorder:problem:{code}"
    return told["detail"]


def test_the_second_of_two_saves_of_the_same_version_is_a_conflict(http, folder):
    version = http.get("/api/pictures/a.png").json()["version"]
    assert saved(http, "a.png", [BOX], version).is_success
    assert saved(http, "a.png", [BOX], version).is_success  # the same again
    refused = saved(http, "a.png", [], version)
    assert "a.png were changed elsewhere" in problem(refused, 409, "labels_changed")
    assert (folder / "a.txt").read_text()


@pytest.mark.parametrize(
    ("boxes", "status", "code"),
    [
        ([BOX | {"box": [400, 0, 500, 9]}], 422, "bad_labels"),
        ([BOX | {"box": [9, 9, 9, 20]}], 422, "bad_labels"),
        ([BOX | {"label": ""}], 422, "bad_labels"),
        ([BOX | {"label": "a\nb"}], 422, "bad_labels"),
        ([BOX | {"order": 3}], 422, "bad_labels"),
        ([BOX | {"box": [1, 2, 3]}], 422, "invalid_request"),
        ([BOX | {"order": -1}], 422, "invalid_request"),
        ([BOX | {"colour": "red"}], 422, "invalid_request"),
        ("none", 422, "invalid_request"),
    ],
    ids=repr,
)
def test_boxes_that_cannot_be_saved(reader, untouched, boxes, status, code):
    problem(saved(reader, "a.png", boxes), status, code)
    assert not (untouched / "a.txt").exists()


def test_what_cannot_be_read_must_be_given_up_by_name(http, folder):
    (folder / "a.txt").write_text("nonsense\n")
    problem(saved(http, "a.png", [BOX]), 409, "labels_doubtful")
    assert (folder / "a.txt").read_text() == "nonsense\n"
    assert saved(http, "a.png", [BOX], replace_doubtful=True).is_success


def test_a_disk_that_cannot_be_written_is_a_problem(http, folder):
    (folder / ".a.txt.review").mkdir()
    assert "cannot be read or written" in problem(saved(http, "a.png", [BOX]), 500, "save_failed")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "192.168.1.7:8010", "",
     "[::1", "127.0.0.2", "a@evil.example"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/pictures", "/pictures/a.png"])
def test_another_host_is_refused(reader, path, host):
    answer = reader.get(path, headers={"Host": host})
    assert "is not this machine" in problem(answer, 403, "foreign_request")


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1:1", "[::1]:8010"])
def test_loopback_by_any_name_is_served(reader, host):
    assert reader.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**WRITE, "Origin": "http://evil.example"},
        {**WRITE, "Origin": "null"},
        {**WRITE, "Origin": "http://127.0.0.1:1"},
        {**WRITE, "Sec-Fetch-Site": "cross-site"},
        {**WRITE, "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_write_from_another_page_is_refused(reader, untouched, headers):
    version = reader.get("/api/pictures/a.png").json()["version"]
    body = {"boxes": [BOX], "version": version}
    problem(reader.put("/api/pictures/a.png", json=body, headers=headers), 403, "foreign_request")
    mark = {"reviewed": True}
    problem(reader.put("/api/reviewed/a.png", json=mark, headers=headers), 403, "foreign_request")
    assert not (untouched / "a.txt").exists()
    assert not (untouched / "review.json").exists()


def test_another_site_cannot_read_either_but_a_link_to_the_page_works(reader):
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    problem(reader.get("/pictures/a.png", headers=cross), 403, "foreign_request")
    assert reader.get("/", headers=cross | {"Sec-Fetch-Mode": "navigate"}).is_success


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/../secret.png", "/pictures/%2e%2e/secret.png", "/pictures/..%2Fsecret.png",
        "/pictures/%2Fetc%2Fpasswd", "/pictures//etc/passwd", "/pictures/link.png",
        "/pictures/classes.txt", "/pictures/a.png%00", "/api/pictures/..%2Fsecret.png",
        "/%2e%2e/routes.py", "/..%2Froutes.py", "/..%5Croutes.py", "/nothing", "/docs",
    ],
)  # fmt: skip
def test_nothing_outside_is_served(reader, path):
    url = httpx.URL(str(reader.base_url)).copy_with(raw_path=path.encode())
    assert reader.get(url).status_code == 404


def test_every_answer_forbids_foreign_content(reader):
    for path in ("/", "/review.js", "/api/pictures", "/pictures/a.png", "/none"):
        headers = reader.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"


def test_the_page_needs_nothing_but_its_own_files(reader):
    """And one of the demo page's, which the app serves beside them."""
    page = reader.get("/")
    assert page.headers["content-type"].startswith("text/html")
    wanted = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    found = set()
    while wanted - found:
        name = (wanted - found).pop()
        answer = reader.get(f"/{name}")
        assert answer.status_code == 200, name
        assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", ""), name
        found.add(name)
        wanted |= set(re.findall(r'from "\./([^"]+)"', answer.text))
    assert found | {"index.html"} == {file.name for file in PAGE.iterdir()} | {"language.js"}
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_the_wheel_holds_the_page(tmp_path):
    code = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        shipped = {Path(name).name for name in wheel.namelist() if "/review/page/" in name}
    assert shipped == {file.name for file in PAGE.iterdir()}


@pytest.fixture
def start(python):
    def started(folder, *options):
        command = ("labels", "review", folder, "--port", "0", "--no-browser", *options)
        return python.start(python.command, *command)

    return started


def address_of(server):
    line = server.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, (line, server.stderr.read())
    return found[0]


def boxes_of(number):
    """The boxes of save `number`; labels, lines and order all say which it is. None in save 0."""
    if number == 0:
        return []
    sides = [[n, 0, n + 5 + number % 50, 20 + number % 100] for n in range(1 + number % 4)]
    count = len(sides)
    order = [(n + number) % count for n in range(count)]
    return [
        {"box": side, "label": f"c{number % 7}", "order": place}
        for side, place in zip(sides, order, strict=True)
    ]


def test_kill_9_in_the_middle_of_saves_loses_nothing(review_folder, start):
    names = ("a.png", "in/c.png")
    folder = review_folder(dict.fromkeys(names, (300, 200)))
    chance = random.Random(7)
    confirmed = dict.fromkeys(names, 0)
    number = 0
    for _ in range(4):
        with start(folder) as server:
            asked = dict(confirmed)
            with httpx.Client(base_url=address_of(server), timeout=600) as http:
                versions = {n: http.get(f"/api/pictures/{n}").json()["version"] for n in names}
                killer = threading.Timer(chance.uniform(0, 0.04), server.kill)
                last = number + chance.randint(3, 8)
                try:
                    while True:
                        number += 1
                        if number == last:
                            killer.start()
                        name = chance.choice(names)
                        asked[name] = number
                        answer = saved(http, name, boxes_of(number), versions[name])
                        assert answer.status_code == 200, answer.text
                        versions[name] = answer.json()["version"]
                        confirmed[name] = number
                except httpx.TransportError:
                    pass
                killer.join()
            assert server.wait(600) == -signal.SIGKILL
        # As they lie there, before anything of ours finishes what was begun.
        for file in folder.rglob("*.txt"):
            assert file.read_text().endswith("\n"), file
        review = Review(folder)
        for name in names:
            sheet = review.read(name)
            assert not sheet.doubts
            found = [
                {"box": [round(x) for x in b.xyxy], "label": b.label, "order": b.order}
                for b in sheet.picture.boxes
            ]
            assert found in [boxes_of(confirmed[name]), boxes_of(asked[name])]


def test_ctrl_c_ends_the_command_in_good_order(folder, start):
    with start(folder) as server:
        url = address_of(server)
        assert httpx.get(url, timeout=600).status_code == 200
        server.send_signal(signal.SIGINT)
        assert server.wait(600) == 0
        assert "Traceback" not in server.stderr.read()


def test_the_browser_is_opened_unless_told_not_to(folder, monkeypatch):
    import clickorder.review.server as module

    opened = []
    monkeypatch.setattr(module.webbrowser, "open", opened.append)
    monkeypatch.setattr(module.uvicorn.Server, "run", lambda *_, **__: time.sleep(0.2))
    monkeypatch.setattr(module, "configure_logging", lambda _: None)
    arguments = ["labels", "review", str(folder), "--port", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert opened == re.findall(r"http://127\.0\.0\.1:\d+/", result.output)
    assert CliRunner().invoke(app, [*arguments, "--no-browser"]).exit_code == 0
    assert len(opened) == 1


def test_what_cannot_be_reviewed_is_one_sentence(untouched, tmp_path, reader):
    (tmp_path / "none").mkdir()
    taken = str(reader.base_url.port)
    for arguments, sentence in (
        ([str(tmp_path / "none")], "has no picture in it"),
        ([str(tmp_path / "gone")], "is not a folder"),
        ([str(untouched), "--port", taken], f"cannot be served on port {taken}"),
    ):
        result = CliRunner().invoke(app, ["labels", "review", *arguments, "--no-browser"])
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert sentence in line
