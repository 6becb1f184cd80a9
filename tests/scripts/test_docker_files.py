"""docker/ as far as it can be read without an engine; `scripts/check-docker` also runs it."""

import copy
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.docker_files import (
    DockerFilesError,
    Ignore,
    compose_faults,
    context_files,
    expand,
    image_faults,
    read_dockerfile,
)

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker/Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text("utf-8"))
IGNORE = Ignore.read((ROOT / ".dockerignore").read_text("utf-8"))


def test_the_image_is_as_it_should_be():
    assert image_faults(read_dockerfile(TEXT)) == []


IMAGES = {
    "root": ("USER 10001:10001\n", "", "It runs as root"),
    "user 0": ("USER 10001:10001", "USER 0", "It runs as 0"),
    "unhealthy": ("HEALTHCHECK", "LABEL", "It has no HEALTHCHECK"),
    "compiles": ("USER 10001", "RUN apt-get install gcc\nUSER 10001", "runs commands"),
    "source": ("COPY --from=build /opt/clickorder", "COPY /opt/clickorder", "from the context"),
}


@pytest.mark.parametrize(("old", "new", "piece"), IMAGES.values(), ids=IMAGES)
def test_a_worse_image_is_seen(old, new, piece):
    assert old in TEXT
    (fault,) = image_faults(read_dockerfile(TEXT.replace(old, new)))
    assert piece in fault


def test_compose_is_as_it_should_be():
    assert compose_faults(COMPOSE, ROOT / "docker") == []


SERVICES = {
    "writable": ({"read_only": False}, "can be written"),
    "capable": ({"cap_drop": []}, "keeps capabilities"),
    "privileged": ({"privileged": True}, "is privileged"),
    "gaining": ({"security_opt": []}, "may gain"),
    "unlimited": ({"deploy": {"resources": {"limits": {"cpus": "1", "memory": "1G"}}}}, "limit"),
    "open": ({"ports": ["8000:8000"]}, "open to the network"),
    "no secret": ({"secrets": ["other.toml"]}, "no secret other.toml"),
    "no folder": ({"volumes": ["./nowhere:/models:ro"]}, "./nowhere is not there"),
    "no volume": ({"volumes": ["nowhere:/models:ro"]}, "no volume nowhere"),
    "no dockerfile": (
        {"build": {"context": "..", "dockerfile": "docker/Other"}},
        "no docker/Other",
    ),
}


@pytest.mark.parametrize(("change", "piece"), SERVICES.values(), ids=SERVICES)
def test_a_worse_compose_file_is_seen(change, piece):
    worse = copy.deepcopy(COMPOSE)
    worse["services"]["clickorder"] |= change
    (fault,) = compose_faults(worse, ROOT / "docker")
    assert piece in fault


def test_compose_gives_requests_the_time_to_end():
    from service.settings import Settings

    grace = COMPOSE["services"]["clickorder"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) > Settings().shutdown_s


def test_every_package_is_copied_and_nothing_else():
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    build = read_dockerfile(TEXT).stages[0]
    copied = [one.words() for one in build.instructions if one.name == "COPY"]
    assert sorted(
        source for *sources, target in copied for source in sources if target != "./"
    ) == (sorted(packages))
    for *sources, _ in copied:
        for source in sources:
            assert context_files(ROOT, source, IGNORE)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("pyproject.toml", True),
        ("service/app.py", True),
        ("detector/weights/detector.onnx", True),
        ("service/__pycache__/app.cpython-311.pyc", False),
        ("docker/clickorder.toml", False),
        ("docker/prometheus.token", False),
        (".git/config", False),
        (".venv/bin/python", False),
        ("tests/service/security/test_keys.py", False),
        ("benchmarks/puzzles/text-words/puzzles.jsonl", False),
    ],
)
def test_what_the_build_sees(path, inside):
    assert IGNORE.lets_in(path) is inside


RULES = {
    "name": ("a", {"a", "a/b", "a/b/c"}),
    "one level": ("*/b", {"a/b", "a/b/c", "x/b"}),
    "any level": ("**/b", {"b", "a/b", "a/b/c", "x/b", "x/y/b"}),
    "taken back": ("*\n!x/y", {"a", "a/b", "a/b/c", "b", "x", "x/b", "x/z.pyc", "z.pyc"}),
    "suffix": ("**/*.pyc\n# *\n\n", {"x/z.pyc", "z.pyc"}),
}
PATHS = ["a", "a/b", "a/b/c", "b", "x", "x/b", "x/y", "x/y/b", "x/z.pyc", "z.pyc"]


@pytest.mark.parametrize(("text", "outside"), RULES.values(), ids=RULES)
def test_rules_of_dockerignore(text, outside):
    ignore = Ignore.read(text)
    assert {path for path in PATHS if not ignore.lets_in(path)} == outside


BAD = {
    "unknown": ("FROM a\nADD x y", "line 2: ADD is not checked here"),
    "too early": ("RUN x\nFROM a", "line 1: RUN before any FROM"),
    "empty": ("# nothing\n", "has no FROM"),
}


@pytest.mark.parametrize(("text", "piece"), BAD.values(), ids=BAD)
def test_a_dockerfile_that_cannot_be_read(text, piece):
    with pytest.raises(DockerFilesError, match=piece):
        read_dockerfile(text)


def test_lines_go_on_and_comments_between_them_do_not_count():
    (stage,) = read_dockerfile('FROM a\nRUN one \\\n# not this\n  two\nCMD ["x", "y z"]\n').stages
    run, command = stage.instructions
    assert (run.name, run.text.split(), run.line) == ("RUN", ["one", "two"], 2)
    assert command.words() == ("x", "y z")
    assert expand("$A/${B}:$C", {"A": "1", "B": "2"}) == "1/2:"


def test_prometheus_asks_the_service_of_the_compose_file():
    sample = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text("utf-8"))
    (job,) = sample["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target.partition(":")[0] in COMPOSE["services"]
    secret = job["authorization"]["credentials_file"]
    assert Path(secret).name in COMPOSE["services"]["prometheus"]["secrets"]
