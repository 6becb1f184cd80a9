"""`clickorder bench text` against a real service with a real text model."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clickorder.bench.options import levels_of, size_of, span_of
from clickorder.bench.pictures import own_pictures
from clickorder.cli import app
from clickorder.errors import UsageError
from service.models.backends import load_solver
from service.security.keys import hash_of, new_key
from service.settings import KeyEntry, Limits, Settings

ROOT = Path(__file__).resolve().parents[3]
FILES = {"requests.csv", "summary.json", "latency.png"}


def run(*arguments, **options):
    return CliRunner().invoke(app, ["bench", "text", *map(str, arguments)], **options)


def sentence(result):
    """The one sentence of a refusal; a traceback or a second line would fail here."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    assert result.stdout == ""
    return line


def requests_of(out):
    with (out / "requests.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summary_of(out):
    return json.loads((out / "summary.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def pictures(stripes, tmp_path_factory):
    """Eight labelled pictures; two of them are labelled wrongly."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, label in enumerate(("0b", "ab", "1O", "a1", "O0", "bb")):
        Image.fromarray(stripes.picture("  ".join(label))).save(folder / f"{label}_{number}.png")
    for number, label in enumerate(("a0", "B1")):
        Image.fromarray(stripes.picture("a  b")).save(folder / f"{label}_wrong{number}.png")
    return folder


@pytest.fixture(scope="module")
def models(stripes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    stripes.model(folder / "text.onnx")
    return folder


@pytest.fixture(scope="module")
def url(serve, models):
    with serve(Settings(models_dir=models), load_solver) as address:
        yield address


def test_levels_one_after_the_other(url, pictures, tmp_path):
    out = tmp_path / "report"
    result = run(
        url, pictures, "--concurrency", "1,3", "--requests", 16, "--warm-up", 2, "--out", out
    )
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in out.iterdir()} == FILES
    lines = requests_of(out)
    assert [(line["level"], line["callers"]) for line in lines] == [("1", "1")] * 16 + [
        ("2", "3")
    ] * 16
    assert all(float(line["latency_ms"]) > 0 and line["status"] == "200" for line in lines)
    # Every level reads each picture twice.
    assert set(Counter((line["level"], line["picture"]) for line in lines).values()) == {2}
    assert all((line["label"] == line["text"]) == (line["right"] == "1") for line in lines)
    assert all(int(line["bytes"]) == Path(line["picture"]).stat().st_size for line in lines)
    found = summary_of(out)
    assert (found["url"], found["pictures"], found["interrupted"]) == (url, 8, False)
    for level in found["levels"]:
        assert (level["requests"], level["answered"], level["errors"]) == (16, 16, {})
        assert level["pictures_right"]["right"] == 12
        assert level["pictures_right"]["of"] == 16
        assert level["answers_per_s"] > 0
    with Image.open(out / "latency.png") as plot:
        assert plot.format == "PNG"
        assert np.asarray(plot.convert("L")).std() > 5
    assert "75.0% (50.5-89.8)" in result.stdout
    assert "3 callers" in result.stdout


def test_a_former_report_is_never_overwritten(url, pictures, tmp_path):
    out = tmp_path / "report"
    out.mkdir()
    kept = out / "summary.json"
    kept.write_text("mine")
    result = run(url, pictures, "--requests", 2, "--out", out)
    assert result.exit_code == 2
    assert f"{kept} is there already" in sentence(result)
    assert [path.name for path in out.iterdir()] == ["summary.json"]
    assert kept.read_text() == "mine"


def test_a_report_that_came_meanwhile_is_not_overwritten_either(pictures, tmp_path):
    out = tmp_path / "report"

    def answer():
        (out / "requests.csv").write_text("another's")

    with reading_service(answer) as address:
        result = run(address, pictures, "--requests", 2, "--concurrency", 1, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert (out / "requests.csv").read_text() == "another's"
    assert {path.name for path in (tmp_path / "report-2").iterdir()} == FILES


def test_options_reach_the_service(url, pictures, tmp_path):
    out = tmp_path / "a"
    options = ("--concurrency", 1, "--requests", 8, "--warm-up", 0)
    given = ("--read-charset", "ab", "--read-length", "1-2", "--fold", "lower")
    assert run(url, pictures, *options, *given, "--out", out).exit_code == 0
    assert set("".join(line["text"] for line in requests_of(out))) <= {"a", "b"}
    assert summary_of(out)["asked"]["length"] == [1, 2]
    result = run(url, pictures, *options, "--model", "nobody", "--out", tmp_path / "b")
    assert result.exit_code == 1
    assert "nobody" in sentence(result)
    assert not (tmp_path / "b").exists()
    result = run(url, pictures, *options, "--color", "red", "--out", tmp_path / "b")
    assert "was not trained to read" in sentence(result)
    out = tmp_path / "c"
    assert run(url, pictures, *options, "--unlabelled", "--out", out).exit_code == 0
    assert {(line["label"], line["right"]) for line in requests_of(out)} == {("", "")}
    assert summary_of(out)["levels"][0]["pictures_right"] is None


def test_an_open_loop(url, pictures, tmp_path):
    result = run(url, pictures, "--rate", "20,100", "--requests", 10, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    lines = requests_of(tmp_path / "o")
    assert Counter((line["rate"], line["callers"]) for line in lines) == {
        ("20", ""): 10,
        ("100", ""): 10,
    }
    due = sorted(float(line["due_s"]) for line in lines if line["rate"] == "20")
    assert due == pytest.approx([number / 20 for number in range(10)], abs=1e-5)


def test_refusals_of_a_full_queue_are_counted_apart(serve, models, pictures, tmp_path):
    def slow(settings):
        solver = load_solver(settings)
        read = solver.read_text

        def read_slowly(*arguments, **options):
            time.sleep(0.05)
            return read(*arguments, **options)

        solver.read_text = read_slowly
        return solver

    options = ("--concurrency", 8, "--requests", 40, "--warm-up", 0)
    settings = Settings(models_dir=models, workers=1, limits=Limits(queue=0))
    with serve(settings, slow) as address:
        strict = run(address, pictures, *options, "--out", tmp_path / "strict")
        lenient = run(
            address, pictures, *options, "--allow-refusals", "--out", tmp_path / "lenient"
        )
    assert strict.exit_code == 1
    assert "--max-errors allows 1 %" in strict.stderr
    assert "For example: " in strict.stderr
    assert lenient.exit_code == 0, lenient.stderr
    for name in ("strict", "lenient"):
        (level,) = summary_of(tmp_path / name)["levels"]
        assert level["requests"] == 40
        assert level["answered"] >= 1
        assert level["refused"] == {"503": 40 - level["answered"]}
        assert level["refused"]["503"] >= 1
        assert level["errors"] == {}
        # Refusals come at once, and answers take 50 ms at least.
        assert level["latency_ms"]["p50"] >= 50
        for line in requests_of(tmp_path / name):
            assert (line["latency_ms"] == "") == (line["error"] == "overloaded")
            assert (line["failed_after_ms"] == "") == (line["error"] == "")


@pytest.mark.usefixtures("still_rates")
def test_keys(serve, models, pictures, tmp_path, monkeypatch):
    key = new_key()
    entry = KeyEntry(name="tester", hash=hash_of(key), rate_per_minute=12)
    options = ("--concurrency", 1, "--requests", 4, "--warm-up", 0)
    with serve(Settings(models_dir=models, keys=(entry,)), load_solver) as address:
        denied = run(address, pictures, *options, "--out", tmp_path / "denied")
        assert denied.exit_code == 1
        assert "key" in sentence(denied)
        assert not (tmp_path / "denied").exists()
        given = run(address, pictures, *options, "--key", key, "--out", tmp_path / "given")
        assert given.exit_code == 0, given.stderr
        monkeypatch.setenv("CLICKORDER_API_KEY", key)
        # The bucket holds 12, and 5 are gone.
        more = ("--concurrency", 1, "--requests", 20, "--max-errors", 100, "--warm-up", 0)
        limited = run(address, pictures, *more, "--out", tmp_path / "limited")
    assert limited.exit_code == 0, limited.stderr
    (level,) = summary_of(tmp_path / "limited")["levels"]
    # One of the 7 left was for the question whether the service reads text.
    assert (level["answered"], level["refused"]["429"]) == (6, 14)
    for path in (tmp_path / "limited").iterdir():
        assert key.encode() not in path.read_bytes()


def test_a_service_that_reads_no_text(serve, pictures, tmp_path):
    with serve(Settings()) as address:  # its solver reads colours, and no text
        result = run(address, pictures, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "text" in sentence(result)


def test_nobody_there_and_no_password_told(pictures, tmp_path):
    address = "http://me:secret@127.0.0.1:9"
    result = run(address, pictures, "--out", tmp_path / "out")
    assert result.exit_code == 1
    told = sentence(result)
    assert "No service answers at http://127.0.0.1:9 " in told
    assert "secret" not in told
    assert not (tmp_path / "out").exists()


class reading_service:  # noqa: N801 - used like a function
    """Answers every request with a text, after a call of `before`; counts them."""

    def __init__(self, before=lambda: None):
        self.count = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                outer.count += 1
                if outer.count > 1:  # The first is the probe.
                    before()
                content = json.dumps({
                    "text": "x", "confidence": 1.0, "characters": [], "models": {},
                    "timings_ms": {}, "request_id": "",
                }).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_ctrl_c_ends_the_test_and_writes_what_was_measured(pictures, tmp_path):
    out = tmp_path / "out"
    service = reading_service(lambda: time.sleep(0.01))
    with service as address:
        command = [
            *(sys.executable, "-m", "clickorder", "bench", "text", address, str(pictures)),
            *("--concurrency", "2,4", "--seconds", "120", "--warm-up", "0", "--out", str(out)),
        ]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"MPLBACKEND": "Agg"},
        )
        try:
            deadline = time.monotonic() + 600
            while service.count < 40:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            told, faults = process.communicate(timeout=600)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 130, faults
    assert "Traceback" not in faults
    assert "2 callers (ended" in told
    assert {path.name for path in out.iterdir()} == FILES
    found = summary_of(out)
    assert found["interrupted"]
    (level,) = found["levels"]  # The other never began.
    assert level["interrupted"]
    assert level["requests"] == level["answered"] == len(requests_of(out))
    assert level["requests"] >= 30


BAD = {
    "url": (["nowhere"], "is not a URL"),
    "scheme": (["ftp://127.0.0.1"], "is not a URL"),
    "key": (["http://127.0.0.1", "--key", "a key"], "characters that no key has"),
    "both-loops": (["http://x", "--rate", "5", "--concurrency", "1"], "give one of them"),
    "concurrency": (["http://x", "--concurrency", "1,,2"], "write it as 1,2,4,8"),
    "none": (["http://x", "--concurrency", "0"], "write it as 1,2,4,8"),
    "half-a-caller": (["http://x", "--concurrency", "1.5"], "write it as 1,2,4,8"),
    "too-many": (["http://x", "--concurrency", "501"], "to 500"),
    "too-many-levels": (["http://x", "--concurrency", ",".join("1" * 51)], "50 levels at most"),
    "rate": (["http://x", "--rate", "fast"], "write it as 10,20.5"),
    "rate-0": (["http://x", "--rate", "0"], "from above 0"),
    "rate-nan": (["http://x", "--rate", "nan"], "write it as 10,20.5"),
    "length": (["http://127.0.0.1:9", "--length", "6-4"], "write it as 4, or 4-6"),
    "read-length": (["http://x", "--read-length", "none"], "--read-length 'none'"),
    "size": (["http://127.0.0.1:9", "--size", "wide"], "write it as 160x60"),
    "drawn-and-own": (["http://x", ".", "--charset", "numeric"], "--charset is of drawn pictures"),
    "synthetic-and-own": (["http://x", ".", "--synthetic"], "drop one of them"),
    "gone": (["http://127.0.0.1:9", "gone"], "gone is neither a folder nor a file"),
    "no-picture": (["http://127.0.0.1:9", "notes.txt"], "no picture by its name"),
    "empty": (["http://127.0.0.1:9", "empty"], "no picture in empty"),
    "pattern": (["http://127.0.0.1:9", "full", "--pattern", "("], "no regular expression"),
    "charset": (["http://127.0.0.1:9", "--charset", "gone.txt"], "gone.txt cannot be read"),
    "out": (["http://127.0.0.1:9", "full", "--out", "notes.txt"], "notes.txt is a file"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_a_sentence(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "full" / "a_1.png")
    (tmp_path / "notes.txt").write_text("no picture")
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    assert said in sentence(result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full", "notes.txt"]


@pytest.mark.parametrize(
    "arguments", [["--requests", "0"], ["--seconds", "-1"], ["--max-errors", "101"]], ids=str
)
def test_numbers_out_of_range(arguments):
    assert run("http://127.0.0.1:9", *arguments).exit_code == 2


def test_drawn_pictures(tmp_path):
    options = ("--requests", 4, "--concurrency", 1, "--warm-up", 0)
    drawing = ("--charset", "ab", "--length", "2-3", "--size", "80x40", "--count", 3)
    with reading_service() as address:
        result = run(address, *drawing, *options, "--out", tmp_path / "o")
        again = run(address, "--synthetic", *drawing, *options, "--out", tmp_path / "p")
    assert result.exit_code == again.exit_code == 0, result.stderr
    labels = [line["label"] for line in requests_of(tmp_path / "o")]
    assert labels[3] == labels[0]
    assert all(set(label) <= {"a", "b"} and 2 <= len(label) <= 3 for label in labels)
    # The same seed draws the same.
    assert labels == [line["label"] for line in requests_of(tmp_path / "p")]


def test_without_the_captcha_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captcha", None)
    result = run("http://127.0.0.1:9", "--out", tmp_path / "o")
    assert result.exit_code == 1
    assert "captcha package" in sentence(result)


def test_without_matplotlib_there_is_no_plot(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with reading_service() as address:
        result = run(
            address, pictures, "--requests", 2, "--concurrency", 1, "--out", tmp_path / "o"
        )
    assert result.exit_code == 0, result.stderr
    assert "No latency.png: drawing needs a package" in result.stderr
    assert {path.name for path in (tmp_path / "o").iterdir()} == FILES - {"latency.png"}


def test_own_pictures_and_their_labels(pictures, tmp_path):
    listed = tmp_path / "listed"
    (listed / "more").mkdir(parents=True)
    for name in ("1_a.png", "2_b.png", "more/3_c.png"):
        Image.new("RGB", (9, 9)).save(listed / name)
    (listed / "labels.txt").write_text("1_a.png 7Kx2\nmore/3_c.png 5\n")

    def labels(*paths, **options):
        asked = {"labelled": True, "count": 99, "seed": 0} | options
        return {
            Path(each.name).name: each.label
            for each in own_pictures(paths, asked.pop("pattern", None), **asked)
        }

    # One without a label is read, too.
    assert labels(listed) == {"1_a.png": "7Kx2", "2_b.png": None, "3_c.png": "5"}
    assert labels(listed / "1_a.png", listed) == labels(listed)
    assert labels(listed / "2_b.png") == {"2_b.png": None}
    assert labels(pictures / "0b_0.png") == {"0b_0.png": "0b"}
    assert labels(pictures / "0b_0.png", pattern=r"_(?P<label>\d)") == {"0b_0.png": "0"}
    assert labels(listed, labelled=False) == dict.fromkeys(labels(listed))
    some = [list(labels(pictures, count=5, seed=seed)) for seed in (1, 1, 2)]
    assert len(some[0]) == 5
    assert some[0] == some[1] != some[2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None, None), [(n, None, 200, None) for n in (1, 2, 4, 8)]),
        (("3", None, None, 2.0), [(3, None, None, 2.0)]),
        (("3", None, 7, 2.0), [(3, None, 7, 2.0)]),
        ((None, "2.5, 10", None, None), [(0, 2.5, None, 10.0), (0, 10.0, None, 10.0)]),
        ((None, "2", 30, None), [(0, 2.0, 30, None)]),
    ],
    ids=["default", "seconds", "both-ends", "rates", "rate-and-requests"],
)
def test_levels(given, expected):
    found = levels_of(*given)
    assert [(one.callers, one.rate, one.requests, one.seconds) for one in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("4", (4, 4)), ("4-6", (4, 6)), (" 12 ", (12, 12))], ids=str
)
def test_spans(text, expected):
    assert span_of(text, "--length") == expected


@pytest.mark.parametrize("text", ["", "0", "0-3", "-3", "3-", "5-4", "４", "4.0"])
def test_what_is_no_span(text):
    with pytest.raises(UsageError, match="--length"):
        span_of(text, "--length")


def test_sizes():
    assert size_of("160x60") == size_of(" 160X60 ") == (160, 60)
    with pytest.raises(UsageError, match="0x60"):
        size_of("0x60")


def test_help_has_an_example():
    result = run("--help")
    assert result.exit_code == 0
    assert "clickorder bench text http" in " ".join(result.stdout.split())
