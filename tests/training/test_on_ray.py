"""`--ray` of the commands that have it, on a real Ray on this machine: one start for all tests."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from clickorder.proposals_on_ray import JOURNAL_FILE as PROPOSED
from labels.proposals import JOURNAL_FILE as PROPOSALS
from labels.proposals import Journal as Proposals
from training.core.journal import Journal, JournalError
from training.synthetic.generate import JOURNAL_FILE, run_generate

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from clickorder.ray_session import address_of_cluster, connect

connect(None)
print("started", address_of_cluster(), flush=True)
sys.stdin.read()
"""
LIMIT_S = 800
WORKER = "ray::_Worker"


def until(condition, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Ray:
    """A Ray that runs, and commands that use it."""

    def __init__(self, folder: Path) -> None:
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_ADDRESS": "",
            "RAY_TMPDIR": str(folder),
            "RAY_AUTH_TOKEN": "a" * 64,
        }
        self.holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said, _, self.address = self.holder.stdout.readline().strip().partition(" ")
        assert said == "started"

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        command = [*map(str, arguments), "--ray", "--address", self.address]
        return subprocess.Popen(
            [sys.executable, "-m", "clickorder", *command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> None:
        process = self.start(*arguments)
        _, faults = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, faults

    def workers(self) -> "list[psutil.Process]":
        """Processes that have an item in hand."""
        found = []
        for process in psutil.Process(self.holder.pid).children(recursive=True):
            try:
                if " ".join(process.cmdline()).startswith(WORKER):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture(scope="module")
def ray():
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a short path, for its sockets
    started = Ray(folder)
    everyone = []
    try:
        yield started
        everyone = psutil.Process(started.holder.pid).children(recursive=True)
    finally:
        started.holder.communicate(timeout=LIMIT_S)
        _, alive = psutil.wait_procs(everyone, timeout=120)
        for process in alive:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    assert not alive, f"still there after the end: {alive}"


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def alone(ray, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """The same command without Ray."""
    command = [sys.executable, "-m", "clickorder", *map(str, arguments)]
    return subprocess.run(
        command, env=ray.environment, timeout=LIMIT_S, capture_output=True, text=True
    )


def kill_a_worker_and_the_command(ray, killed, kept: Path) -> list[str]:
    """Kill a worker once something is done, and the command once more is; gives what is kept."""
    until(lambda: len(lines(kept)) > 3 or killed.poll() is not None, "nothing was done")
    for worker in ray.workers()[:1]:
        worker.kill()
    done = len(lines(kept))
    until(lambda: len(lines(kept)) > done + 2 or killed.poll() is not None, "it stopped")
    assert killed.poll() is None, killed.communicate()
    killed.kill()
    killed.communicate(timeout=LIMIT_S)
    return lines(kept)


def test_a_killed_evaluation_goes_on_and_counts_the_same(ray, tmp_path) -> None:
    evaluate = ("evaluate", ROOT / "benchmarks/puzzles/text-words", "--limit", 24)
    journal = tmp_path / "journal.jsonl"
    killed = ray.start(*evaluate, "--journal", journal)
    until(lambda: len(lines(journal)) > 3 or killed.poll() is not None, "nothing was solved")
    killed.kill()
    killed.communicate(timeout=LIMIT_S)
    before = lines(journal)
    ray.run(*evaluate, "--journal", journal, "--json", tmp_path / "ray.json")
    after = lines(journal)
    # What was there is not solved again.
    assert 3 < len(before) < len(after) == 25
    assert after[: len(before) - 1] == before[: len(before) - 1]
    assert len({json.loads(line)["key"] for line in after[1:]}) == 24
    alone(ray, *evaluate, "--json", tmp_path / "alone.json").check_returncode()
    results = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("ray", "alone")]
    assert without_times(results[0]) == without_times(results[1])


def without_times(value: object) -> object:
    if isinstance(value, dict):
        times = {"ms", "seconds", "cost"}
        return {k: without_times(v) for k, v in value.items() if times.isdisjoint(k.split("_"))}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def test_a_set_is_the_same_though_a_worker_and_the_command_are_killed(
    ray, cache: Path, tmp_path: Path
) -> None:
    options = ("--family", "text-words", "--split", "test", "--count", 250, "--seed", 4)
    out = tmp_path / "ray"
    generate = ("generate", *options, "--cache", cache, "--out", out)
    journal = out / JOURNAL_FILE
    kill_a_worker_and_the_command(ray, ray.start(*generate), journal)
    assert not (out / "puzzles.jsonl").exists()
    with pytest.raises(JournalError), Journal(journal, {"generate": "all"}):
        pass
    ray.run(*generate)
    assert not journal.exists()
    run_generate("text-words", "test", 250, 4, tmp_path / "alone", 1, cache)
    found, wanted = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("ray", "alone")
    )
    assert found == wanted
    again = ray.start(*generate)
    assert "already exists" in again.communicate(timeout=LIMIT_S)[1]
    assert again.returncode == 2


def test_an_audit_is_the_same_though_a_worker_and_the_command_are_killed(ray, tmp_path) -> None:
    audit = ("audit", ROOT / "benchmarks/puzzles/text-words", "--quick")
    answers = tmp_path / "ray/answers.jsonl"
    killed = ray.start(*audit, "--out", tmp_path / "ray")
    before = kill_a_worker_and_the_command(ray, killed, answers)
    ray.run(*audit, "--out", tmp_path / "ray")
    after = lines(answers)
    assert len(before) < len(after) == 100
    # What was there is not solved again; the last line may have been cut off.
    assert after[: len(before) - 1] == before[: len(before) - 1]
    assert len({json.loads(line)["key"] for line in after}) == 100
    alone(ray, *audit, "--out", tmp_path / "alone").check_returncode()
    results = [
        json.loads((tmp_path / name / "audit.json").read_text()) for name in ("ray", "alone")
    ]
    assert without_times(results[0]) == without_times(results[1])


def test_labels_are_the_same_though_a_worker_and_the_command_are_killed(ray, tmp_path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    sources = sorted((ROOT / "benchmarks/puzzles/text-words").glob("text-words-?????.???"))
    for number in range(3):
        for source in sources:
            shutil.copyfile(source, pictures / f"{number}-{source.name}")
    (pictures / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "ray"
    prelabel = ("labels", "prelabel", pictures, "--out")
    journal = out / PROPOSED
    before = kill_a_worker_and_the_command(ray, ray.start(*prelabel, out), journal)
    written = {file: file.stat().st_ino for file in out.rglob("*.txt") if file.stem != "classes"}
    other = ray.start(*prelabel, out, "--names", "a")
    assert "the journal of another job" in other.communicate(timeout=LIMIT_S)[1]
    again = ray.start(*prelabel, out)
    said, faults = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 1, faults
    assert before[0].startswith('{"job"')
    # What was there is neither proposed nor written again.
    assert not journal.exists()
    assert {file: file.stat().st_ino for file in written} == written
    number = len(sources) * 3 - len(written)
    assert f"{number} pictures labelled in {out}, {len(written)} had labels already." in said
    done = alone(ray, *prelabel, tmp_path / "alone")
    assert done.returncode == 1
    assert faults.endswith(done.stderr)  # Ray says before it that it is there
    assert said.splitlines()[1:] == done.stdout.splitlines()[1:]
    found, wanted = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("ray", "alone")
    )
    # A kill may have left a line twice.
    assert found.pop(PROPOSALS)
    assert wanted.pop(PROPOSALS)
    assert Proposals(out).proposals == Proposals(tmp_path / "alone").proposals
    assert found == wanted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ray",), "--ray and --journal FILE go together"),
        (("--journal", "x.jsonl"), "--ray and --journal FILE go together"),
        (("--ray", "--journal", "x", "--url", "http://127.0.0.1:1"), "give one of them"),
    ],
    ids=["no journal", "no ray", "a service"],
)
def test_options_that_do_not_fit_are_told(options, said) -> None:
    from typer.testing import CliRunner

    from clickorder.cli import app

    puzzles = str(ROOT / "benchmarks/puzzles/text-words")
    result = CliRunner().invoke(app, ["evaluate", puzzles, *options])
    assert result.exit_code == 2
    assert said in result.stderr
