"""Reads the Dockerfile, `.dockerignore` and the compose file as an engine does, without one."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KNOWN = frozenset(
    {
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "STOPSIGNAL",
        "USER",
        "WORKDIR",
    }
)
"""What is read; anything else is refused, so that nothing is silently left out of the check."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class DockerFilesError(ValueError):
    """One of the files cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined.

    Attributes:
        name: In capitals.
        text: All that follows the name, variables not replaced yet.
        line: Where it begins, from 1.
    """

    name: str
    text: str
    line: int

    def words(self) -> tuple[str, ...]:
        """The exec form, or the words of the shell form.

        Raises:
            DockerFilesError: neither.
        """
        if self.text.startswith("["):
            try:
                return tuple(json.loads(self.text))
            except ValueError as error:
                raise DockerFilesError(
                    f"Dockerfile line {self.line}: {self.name} is no JSON list; write it as one."
                ) from error
        return tuple(shlex.split(self.text))


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM` and what follows it.

    Attributes:
        name: After `AS`, or its number.
        base: The image it starts from, variables not replaced yet.
        instructions: Without the `FROM`.
    """

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def last(self, name: str) -> Instruction | None:
        """The instruction of that name that counts."""
        return next((one for one in reversed(self.instructions) if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole Dockerfile.

    Attributes:
        arguments: Before the first `FROM`, with their defaults.
        stages: In order; the last one is the image.
    """

    arguments: Mapping[str, str]
    stages: tuple[Stage, ...]


def read_dockerfile(text: str) -> Dockerfile:
    """Parse a Dockerfile.

    Raises:
        DockerFilesError: an instruction is not known here, or stands before the first `FROM`.
    """
    arguments: dict[str, str] = {}
    stages: list[tuple[str, str, list[Instruction]]] = []
    for one in _instructions(text):
        if one.name not in KNOWN:
            raise DockerFilesError(
                f"Dockerfile line {one.line}: {one.name} is not checked here; leave it out, or "
                "teach scripts/check_docker.py what it does."
            )
        if one.name == "FROM":
            words = one.words()
            name = words[2] if len(words) == 3 and words[1].upper() == "AS" else str(len(stages))
            stages.append((name, words[0], []))
        elif stages:
            stages[-1][2].append(one)
        elif one.name == "ARG":
            name, _, default = one.text.partition("=")
            arguments[name] = default
        else:
            raise DockerFilesError(f"Dockerfile line {one.line}: {one.name} before any FROM.")
    if not stages:
        raise DockerFilesError("The Dockerfile has no FROM.")
    return Dockerfile(arguments, tuple(Stage(n, b, tuple(i)) for n, b, i in stages))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`; one that has no value becomes nothing, as in an engine."""
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], ""), text)


def _instructions(text: str) -> list[Instruction]:
    found = []
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or (not parts and not line.strip()):
            continue
        start = start if parts else number
        continued = line.endswith("\\")
        parts.append(line.removesuffix("\\"))
        if not continued:
            name, _, rest = "".join(parts).strip().partition(" ")
            found.append(Instruction(name.upper(), rest.strip(), start))
            parts = []
    return found


@dataclass(frozen=True, slots=True)
class Ignore:
    """The rules of a `.dockerignore`.

    Attributes:
        rules: Pattern and whether it takes a file back in, in order; the last that fits decides.
    """

    rules: tuple[tuple[re.Pattern[str], bool], ...] = field(default=())

    @classmethod
    def read(cls, text: str) -> "Ignore":
        """Parse the file's text."""
        lines = (line.strip() for line in text.splitlines())
        rules = [
            (_pattern(line.removeprefix("!")), line.startswith("!"))
            for line in lines
            if line and not line.startswith("#")
        ]
        return cls(tuple(rules))

    def lets_in(self, path: str) -> bool:
        """Whether a file is part of the build's context.

        Args:
            path: Relative to the context, with slashes.
        """
        inside = True
        for pattern, takes_in in self.rules:
            if pattern.fullmatch(path):
                inside = takes_in
        return inside


def _pattern(rule: str) -> re.Pattern[str]:
    """A rule that fits a folder fits everything under it."""
    parts = []
    for part in rule.strip("/").split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            escaped = re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
            parts.append(escaped + "/")
    return re.compile("".join(parts).removesuffix("/") + "(?:/.*)?")


def context_files(root: Path, source: str, ignore: Ignore) -> list[Path]:
    """The files that `COPY source` takes from the context.

    Raises:
        DockerFilesError: there are none, which fails a build.
    """
    place = root / source
    candidates = sorted(place.rglob("*")) if place.is_dir() else [place]
    files = [
        path
        for path in candidates
        if path.is_file() and ignore.lets_in(path.relative_to(root).as_posix())
    ]
    if not files:
        raise DockerFilesError(
            f"COPY {source}: the build's context has no such file; look at .dockerignore."
        )
    return files


def image_faults(dockerfile: Dockerfile) -> list[str]:
    """What the last stage must have and has not."""
    final = dockerfile.stages[-1]
    user = final.last("USER")
    number = user.text.partition(":")[0] if user else "root"
    return [
        sentence
        for fault, sentence in (
            (len(dockerfile.stages) < 2, "There is one stage only."),
            (not number.isdigit() or number == "0", f"It runs as {number}; give a number above 0."),
            (final.last("HEALTHCHECK") is None, "It has no HEALTHCHECK."),
            (final.last("RUN") is not None, "The last stage runs commands; copy results instead."),
            (
                any(one.name == "COPY" and "--from=" not in one.text for one in final.instructions),
                "The last stage copies from the context.",
            ),
        )
        if fault
    ]


def compose_faults(document: Mapping[str, Any], folder: Path) -> list[str]:
    """What of a compose file does not hold together, or is left open.

    Args:
        document: The parsed file.
        folder: Where it lies; what is built and mounted must be there, secrets excepted.
    """
    faults = []
    secrets = document.get("secrets", {})
    volumes = document.get("volumes", {}) or {}
    for name, service in document["services"].items():
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        checks: Sequence[tuple[bool, str]] = (
            (service.get("read_only") is True, "its root file system can be written"),
            (service.get("cap_drop") == ["ALL"], "it keeps capabilities"),
            ("no-new-privileges:true" in service.get("security_opt", ()), "it may gain privileges"),
            ({"cpus", "memory", "pids"} <= limits.keys(), "a limit is missing"),
            (not service.get("privileged", False), "it is privileged"),
            ("build" in service or ":" in service["image"], "its image has no version"),
            (
                all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())),
                "a port is open to the network",
            ),
        )
        faults += [f"{name}: {sentence}" for fine, sentence in checks if not fine]
        faults += [f"{name}: no secret {s}" for s in service.get("secrets", ()) if s not in secrets]
        for mount in service.get("volumes", ()):
            source, _, _ = mount.partition(":")
            if source.startswith(".") and not (folder / source).exists():
                faults.append(f"{name}: {source} is not there")
            if not source.startswith(".") and source not in volumes:
                faults.append(f"{name}: no volume {source}")
        build = service.get("build")
        if build and not (folder / build["context"] / build["dockerfile"]).is_file():
            faults.append(f"{name}: no {build['dockerfile']}")
    return faults
