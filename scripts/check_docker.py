"""Proves of docker/ what can be proved without an engine; `scripts/check-docker` runs it.

The Dockerfile is followed in roots of their own: empty but for this machine's /usr (read-only, in
place of the base image), in namespaces of their own, with an environment that holds nothing but
what the Dockerfile says. Then the image's command runs as process 1, as the image's user, without
capabilities, on a root that cannot be written and in a network that reaches nothing; its health
check is run, one puzzle is solved over HTTP, and it is told to stop.

What this does not show: that the base image itself is what it is taken for, and that an engine
reads the files as we do. Two base images can differ from this machine in the libraries they have,
so those that the environment needs are listed.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from scripts.docker_files import (
    DockerFilesError,
    Ignore,
    Instruction,
    Stage,
    compose_faults,
    context_files,
    expand,
    image_faults,
    read_dockerfile,
)

ROOT = Path(__file__).resolve().parent.parent
PUZZLE = ROOT / "benchmarks/puzzles/text-words/text-words-00001.jpg"
WORDS = ["痰", "痈", "釉", "痪"]
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SLIM_LIBRARIES = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}
"""Debian packages of the slim base image that our wheels may lean on; apt itself needs them."""
FORBIDDEN = {"torch", "torchvision", "ultralytics", "opencv-python", "ddddocr", "pip", "setuptools"}

_ENTER = """
set -e
mount --bind "$NEW_ROOT" "$NEW_ROOT"
mount --bind /usr "$NEW_ROOT/usr"
mount -o remount,bind,ro "$NEW_ROOT/usr"
mount --bind "$NEW_ROOT/.local" "$NEW_ROOT/usr/local"
mount -t proc proc "$NEW_ROOT/proc"
mount -t tmpfs -o mode=755 tmpfs "$NEW_ROOT/dev"
for device in null zero random urandom; do
    touch "$NEW_ROOT/dev/$device"
    mount --bind "/dev/$device" "$NEW_ROOT/dev/$device"
done
mkdir -m 1777 "$NEW_ROOT/dev/shm"
echo "$LENT" | while read -r lent; do
    [ -n "$lent" ] || continue
    mkdir -p "$NEW_ROOT$(dirname "$lent")"
    if [ -d "$lent" ]; then mkdir -p "$NEW_ROOT$lent"; else touch "$NEW_ROOT$lent"; fi
    mount --bind "$lent" "$NEW_ROOT$lent"
done
if [ -n "$SEALED" ]; then
    ip link set lo up
    mount --bind "$SETTINGS" "$NEW_ROOT/run/secrets"
    mount -o remount,bind,ro "$NEW_ROOT/run/secrets"
    mkdir -p "$NEW_ROOT/models"
    mount --bind "$MODELS" "$NEW_ROOT/models"
    mount -o remount,bind,ro "$NEW_ROOT/models"
    mount -t tmpfs -o size=64m,mode=1777,noexec,nosuid,nodev tmpfs "$NEW_ROOT/tmp"
    mount -o remount,bind,ro "$NEW_ROOT/usr/local"
    mount -o remount,bind,ro "$NEW_ROOT"
fi
"""


class CheckError(Exception):
    """Something of docker/ does not hold; the message is one sentence."""


@dataclass(slots=True)
class Built:
    """One stage, as far as it has been followed.

    Attributes:
        root: Its root folder.
        environment: What its commands see.
        workdir: Where they run.
    """

    root: Path
    environment: dict[str, str]
    workdir: str = "/"
    arguments: dict[str, str] = field(default_factory=dict)


def base_image(root: Path) -> Built:
    """An empty root with this machine's /usr and a Python that has pip, as the base image has."""
    for folder in ("dev", "etc", "home", "opt", "proc", "root", "run/secrets", "usr", ".local"):
        (root / folder).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o1777)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("ld.so.cache", "resolv.conf", "nsswitch.conf", "hosts", "ssl", "ca-certificates"):
        there = Path("/etc", name)
        if there.is_dir():
            shutil.copytree(there, root / "etc" / name, ignore=shutil.ignore_patterns("private"))
        elif there.exists():
            shutil.copyfile(there, root / "etc" / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", "utf-8")
    (root / "etc/group").write_text("root:x:0:\n", "utf-8")
    built = Built(root, {"PATH": BASE_PATH})
    run(built, ["/usr/bin/python3", "-m", "venv", "/usr/local"])
    return built


def run(built: Built, command: Sequence[str], *, lent: Sequence[str] = (), **extra: str) -> None:
    """Run one command as root in a stage's root.

    Args:
        built: The stage.
        command: Its words.
        lent: Paths of this machine that are seen under the same names.
        extra: Added to the environment.

    Raises:
        CheckError: it failed.
    """
    environment = {"HOME": "/root", **built.environment, **built.arguments, **extra}
    inner = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    script = _ENTER + 'cd /; exec chroot "$NEW_ROOT" "$@"'
    words = ["sh", "-c", f'cd "{built.workdir}" && exec "$@"', "sh", *command]
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh", *inner, *words],
        env={"PATH": BASE_PATH, "NEW_ROOT": str(built.root), "LENT": "\n".join(lent), "SEALED": ""},
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise CheckError(f"A step ended with {done.returncode}: {' '.join(command)[:200]}.")


def lent_paths() -> list[str]:
    """This machine's own settings of pip, and the local folders that they name."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    words = told.replace("'", " ").replace("=", " ").replace("\\n", " ").split()
    # A local index is a folder `simple` beside the files that it names.
    paths = [
        str(Path(word.removeprefix("file://")).parent) if word.startswith("file://") else word
        for word in words
    ]
    files = ["/etc/pip.conf", *(str(Path.home() / name) for name in (".config/pip", ".pip"))]
    found = [path for path in [*files, *paths] if path.startswith("/") and Path(path).exists()]
    return [path for path in dict.fromkeys(found) if not path.startswith(("/usr/", "/etc/ssl"))]


def build(
    stage: Stage, arguments: Mapping[str, str], done: Mapping[str, Built], root: Path
) -> Built:
    """Follow one stage.

    Raises:
        CheckError: a command failed.
        DockerFilesError: a file is not there.
    """
    print(f"stage {stage.name}, from {expand(stage.base, arguments)}", flush=True)
    built = base_image(root)
    pip = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.endswith("_proxy")}
    ignore = Ignore.read((ROOT / ".dockerignore").read_text("utf-8"))
    for one in stage.instructions:
        known = built.arguments | built.environment
        match one.name:
            case "ARG":
                name, _, default = one.text.partition("=")
                built.arguments[name] = arguments.get(name, default)
            case "ENV":
                for word in one.words():
                    name, _, value = word.partition("=")
                    built.environment[name] = expand(value, known)
            case "WORKDIR":
                built.workdir = expand(one.text, known)
                (root / built.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(one, built, done, ignore)
            case "RUN":
                print(f"  line {one.line}: RUN {one.text[:90]} ...", flush=True)
                run(built, ["sh", "-c", one.text], lent=lent_paths(), **pip)
            case _:
                pass
    return built


def copy(one: Instruction, built: Built, done: Mapping[str, Built], ignore: Ignore) -> None:
    """Do what one COPY says."""
    words = list(one.words())
    source_stage = None
    while words[0].startswith("--"):
        option, _, value = words.pop(0).partition("=")
        if option != "--from":
            raise CheckError(f"Dockerfile line {one.line}: {option} is not checked here.")
        source_stage = value
    *sources, target = words
    place = built.root / (Path(built.workdir) / target).as_posix().lstrip("/")
    for source in sources:
        if source_stage is not None:
            there = done[source_stage].root / source.lstrip("/")
            shutil.copytree(there, place, symlinks=True, dirs_exist_ok=True)
            continue
        into = place / source if target.endswith("/") and (ROOT / source).is_file() else place
        for file in context_files(ROOT, source, ignore):
            to = into / file.relative_to(ROOT / source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def inspect(environment: Path) -> None:
    """What is installed, how large it is, and which libraries of the system it needs.

    Raises:
        CheckError: something is in it that must not be.
    """
    site = next(environment.glob("lib/python3*/site-packages"))
    names = {path.name.split("-")[0].replace("_", "-").lower() for path in site.glob("*.dist-info")}
    if names & FORBIDDEN or (site / "cv2").exists():
        found = sorted(names & FORBIDDEN) or ["cv2"]
        raise CheckError(f"The image holds {', '.join(found)}, which it must not.")
    print(f"  {len(names)} packages, none of {', '.join(sorted(FORBIDDEN))}, cv2")
    sizes = {path.name: size_of(path) for path in site.iterdir() if path.is_dir()}
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:6]
    print(f"  {size_of(environment) / 2**20:.0f} MiB in {environment.name}; the largest: ", end="")
    print(", ".join(f"{name} {sizes[name] / 2**20:.0f}" for name in largest))
    needed: set[str] = set()
    for library in [*site.rglob("*.so"), *site.rglob("*.so.*")]:
        told = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=False)
        for line in told.stdout.splitlines():
            target = line.partition("=>")[2].strip().split(" ")[0]
            # A wheel's own libraries find each other only once the first of them is loaded.
            if target == "not" and not any(site.rglob(line.split()[0])):
                raise CheckError(f"{library.name} needs {line.split()[0]}, which is not there.")
            if target.startswith("/") and not target.startswith(str(environment)):
                # dpkg knows some of them by their name from before /lib became /usr/lib.
                real = str(Path(target).resolve())
                needed |= {real, real.removeprefix("/usr")}
    told = subprocess.run(["dpkg", "-S", *needed], capture_output=True, text=True, check=False)
    packages = {line.partition(":")[0] for line in told.stdout.splitlines()}
    if packages - SLIM_LIBRARIES:
        raise CheckError(f"It needs {sorted(packages - SLIM_LIBRARIES)}, which slim images lack.")
    print(f"  of the system it needs {', '.join(sorted(packages))}")


@contextmanager
def container(
    built: Built, image: Stage, settings: Path
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The image's command as process 1; yields its starter and its id on this machine.

    Args:
        built: The image; its environment is that of the compose file as well.
        image: Its instructions.
        settings: Seen as /run/secrets.
    """
    user = image.last("USER")
    assert user is not None
    uid, _, gid = user.text.partition(":")
    limits = ["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", "--clear-groups"]
    limits += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    inner = [*limits, "env", "-i", *(f"{k}={value}" for k, value in built.environment.items())]
    inner += ["env", f"--chdir={built.workdir}"]
    parts = [image.last("ENTRYPOINT"), image.last("CMD")]
    command = [word for part in parts if part is not None for word in part.words()]
    script = _ENTER + 'exec chroot "$NEW_ROOT" "$@"'
    unshare = ["unshare", "--mount", "--pid", "--net", "--fork"]
    starter = subprocess.Popen(
        [*unshare, "sh", "-c", script, "sh", *inner, *command],
        env={
            "PATH": BASE_PATH,
            "NEW_ROOT": str(built.root),
            "LENT": "",
            "SEALED": "1",
            "SETTINGS": str(settings),
            "MODELS": str(ROOT / "docker/models"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert starter.stdout is not None
        said = []
        for line in starter.stdout:
            said.append(line)
            if "serves on" in line:
                break
        else:
            end = starter.wait()
            raise CheckError(
                f"The command ended with {end} before it served: {''.join(said)[-500:]}"
            )
        yield starter, psutil.Process(starter.pid).children()[0].pid
    finally:
        # Its child first: one that has changed its user does not die with its parent.
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(starter.pid).children():
                process.kill()
        starter.kill()
        starter.wait()


def inside(pid: int, command: Sequence[str]) -> str:
    """What a command prints that runs where the service runs; it must end well.

    Raises:
        CheckError: it failed.
    """
    done = subprocess.run(
        ["nsenter", f"--target={pid}", "--net", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CheckError(f"{command[0]} ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


_ASK = """
import json, sys
import httpx
key, picture, words = sys.argv[1:]
with httpx.Client(base_url="http://127.0.0.1:8000", timeout=60, trust_env=False) as client:
    def ask(**how):
        with open(picture, "rb") as file:
            return client.post("/solve", files={"background": file}, data={"words": words}, **how)
    bearer = {"Authorization": f"Bearer {key}"}
    answer = ask(headers=bearer)
    metrics = client.get("/metrics", headers=bearer)
    print(json.dumps({"refused": ask().status_code, "status": answer.status_code,
                      "answer": answer.json(), "metrics": metrics.status_code}))
"""


def serve_once(built: Built, image: Stage, settings: Path, key: str) -> None:
    """Start the image's command, check its health, solve a puzzle, stop it.

    Raises:
        CheckError: any of that does not go as it should.
    """
    health = image.last("HEALTHCHECK")
    assert health is not None
    check = json.loads(health.text.partition("CMD")[2])
    environment = [f"{name}={value}" for name, value in built.environment.items()]
    with container(built, image, settings) as (starter, pid):
        process = psutil.Process(pid)
        # As an engine does it: in the namespaces and the root of process 1.
        in_image = ["nsenter", f"--target={pid}", "--net", "--mount", "--pid", "--root"]
        healthy = subprocess.run([*in_image, "env", "-i", *environment, *check], check=False)
        if healthy.returncode != 0:
            raise CheckError(f"The health check ended with {healthy.returncode}.")
        print("  healthy")
        words = json.dumps(WORDS, ensure_ascii=False)
        told = json.loads(inside(pid, [sys.executable, "-c", _ASK, key, str(PUZZLE), words]))
        if told["status"] != 200 or not told["answer"]["solved"]:
            raise CheckError(f"The puzzle was answered {told['status']}: {told['answer']}.")
        if told["refused"] != 401 or told["metrics"] != 200:
            raise CheckError(f"Without a key: {told['refused']}; /metrics: {told['metrics']}.")
        print(f"  solved {[(c['x'], c['y']) for c in told['answer']['clicks']]}; without key 401")
        memory, threads = process.memory_info().rss / 2**20, process.num_threads()
        print(f"  {memory:.0f} MiB of memory, {threads} threads, user {process.uids().real}")
        process.terminate()
        deadline = time.monotonic() + 30
        while starter.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if starter.poll() != 0:
            raise CheckError(f"After SIGTERM it ended with {starter.poll()}, not 0.")
        print("  stopped in good order by SIGTERM")


def check(folder: Path) -> None:
    """Do it all.

    Raises:
        CheckError, DockerFilesError: something does not hold.
    """
    dockerfile = read_dockerfile((ROOT / "docker/Dockerfile").read_text("utf-8"))
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text("utf-8"))
    faults = image_faults(dockerfile) + compose_faults(compose, ROOT / "docker")
    if faults:
        raise CheckError(" ".join(faults))
    print("Dockerfile and compose.yaml: in order")
    version = platform.python_version()
    print(f"the image's Python: {dockerfile.arguments['PYTHON']}; this machine's: {version}")
    stages: dict[str, Built] = {}
    for stage in dockerfile.stages:
        root = folder / stage.name
        stages[stage.name] = build(stage, dockerfile.arguments, stages, root)
    image = dockerfile.stages[-1]
    built = stages[image.name]
    built.environment |= compose["services"]["clickorder"]["environment"]
    print("what the image adds to its base")
    inspect(built.root / "opt/clickorder")
    settings = folder / "settings"
    settings.mkdir()
    settings.chmod(0o755)
    secret = settings / "clickorder.toml"
    key = subprocess.run(
        [sys.executable, "-m", "clickorder", "keys", "new", "check", "--settings", str(secret)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    secret.chmod(0o644)
    print("its command, on a read-only root, without capabilities, without a network")
    serve_once(built, image, settings, next(w for w in key.split() if w.startswith("co_")))


def main() -> None:
    """Parse the command line, do the check, and say in one sentence what fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.parse_args()
    if os.geteuid() != 0 or platform.system() != "Linux":
        sys.exit("check-docker: namespaces and another user need root on Linux; run it as root.")
    # Not under /tmp of the roots themselves, and on a disk: a stage is some hundred MiB.
    folder = Path(tempfile.mkdtemp(prefix="check-docker-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        check(folder)
    except (CheckError, DockerFilesError) as error:
        sys.exit(f"check-docker: {error}")
    finally:
        shutil.rmtree(folder)
    print("No image was built: no engine took part.")


if __name__ == "__main__":
    main()
