"""For all tests: no proxy is asked for the services of this machine, and no time is asserted."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from hypothesis import settings

# A job in the background of a shell ignores Ctrl-C, and so would what the tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
# Nothing is asked over TLS, and a client reads all the authorities there are each time it is made.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.devnull

# A busy machine is no fault of the code. No file for each example: what fails is printed.
settings.register_profile("clickorder", deadline=None, database=None, print_blob=True)
settings.load_profile("clickorder")

ALLOWED_SKIPS = frozenset({"dpkg-deb is of Debian", "only glibc keeps freed memory"})
"""What another kind of machine lacks by its nature. A package that is not installed is none of it:
what is skipped for want of one is tested nowhere."""


def _forbidden_skips(config: pytest.Config) -> list[str]:
    """What was skipped for other reasons; with xdist, in all workers."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    found = []
    for report in reporter.stats.get("skipped", []) if reporter else []:
        place, line, reason = report.longrepr
        if reason.removeprefix("Skipped: ") not in ALLOWED_SKIPS:
            found.append(f"{report.nodeid or place}:{line}: {reason}")
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that has skipped a test fails, but for the reasons above."""
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed and not hasattr(session.config, "workerinput") and _forbidden_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if found := _forbidden_skips(config):
        terminalreporter.section("skipped, and so the run has failed", red=True)
        for line in found:
            terminalreporter.line(line)


class Stripes:
    """Text models whose answers are known, real ONNX files, and pictures for them.

    A picture is 8 pixels high. Each of its columns is one place or frame, and its level of grey the
    symbol: white is none, the characters of the charset follow from black on.
    """

    height = 8

    def levels(self, charset):
        """The level of no character and of each, 0..255."""
        steps = np.linspace(0, 255, len(charset) + 1).round()
        return np.concatenate([[255], steps[:-1]])

    def picture(self, text, charset="0O1ab", width=16):
        """`(8, width, 3)` uint8 RGB: a column for each character, white ones for spaces."""
        symbols = [charset.index(c) + 1 if c != " " else 0 for c in text.ljust(width)]
        columns = self.levels(charset)[symbols].astype(np.uint8)
        return columns[None, :, None].repeat(self.height, 0).repeat(3, 2)

    def model(self, path: Path, charset="0O1ab", *, width=16, batch="n", **changes):
        """Write a model; `changes` go to its metadata, `options` into its options."""
        from onnx import TensorProto, helper, numpy_helper

        from modelfile import ModelMetadata

        options = {"height": self.height, "width": width, **changes.pop("options", {})}
        values = {
            "kind": "text", "name": "stripes", "version": "0.1",
            "input_size": (width, self.height), "colour": "GRAY", "scale": 1 / 255,
            "mean": (0.0,), "std": (1.0,), "training_data": "None.", "code_revision": "0",
            "licence": "Apache-2.0", "charset": ("", *charset), "decoding": "ctc",
        }  # fmt: skip
        metadata = ModelMetadata(**{**values, "options": options, **changes})
        channels = metadata.channels + int(options.get("colours", 0))
        centres = (self.levels(metadata.charset[1:]) / 255).astype(np.float32)
        constants = {
            "weight": 600 * centres[None],
            "bias": -300 * centres**2,
            "last": np.array([-1]),
            "one": np.ones((), np.float32),
            "grey": np.array([0]),
            "near": np.array([channels - 1]),
        }
        node = helper.make_node
        # Where a colour is wanted, what is far from it becomes white.
        seen = (
            [
                node("Gather", ["image", "grey"], ["shown"], axis=1),
                node("Gather", ["image", "near"], ["nearness"], axis=1),
                node("Sub", ["one", "shown"], ["ink"]),
                node("Mul", ["ink", "nearness"], ["wanted"]),
                node("Sub", ["one", "wanted"], ["seen"]),
            ]
            if options.get("colours")
            else [node("Identity", ["image"], ["seen"])]
        )
        nodes = [
            *seen,
            node("ReduceMean", ["seen"], ["columns"], axes=[1, 2], keepdims=0),
            node("Unsqueeze", ["columns", "last"], ["level"]),
            node("MatMul", ["level", "weight"], ["product"]),
            node("Add", ["product", "bias"], ["logits"]),
        ]
        free = width if options.get("fit", "stretch") == "stretch" else "w"
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "stripes",
            [value("image", TensorProto.FLOAT, [batch, channels, self.height, free])],
            [value("logits", TensorProto.FLOAT, [batch, free, len(centres)])],
            initializer=[numpy_helper.from_array(v, name) for name, v in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, metadata.to_properties())
        path.write_bytes(model.SerializeToString())
        return path


@pytest.fixture(scope="session")
def stripes() -> Stripes:
    """Text models whose answers are known."""
    return Stripes()


class ColourNames:
    """The files that names are found with, real ones, of things that are colours.

    The network's embedding is the mean colour of a crop at length 1; grey is none of the colours.
    """

    side = 8
    colours: ClassVar = {"ruby": (255, 0, 0), "leaf": (0, 255, 0), "sea": (0, 0, 255)}
    """Id of a thing to its colour; its names in the other languages are 某 and X with the id."""

    @property
    def things(self):
        """The vocabulary, in order."""
        from siamese.vocabulary import Thing

        return [Thing(id_, {"en": (id_,), "zh": (f"某{id_}",), "es": (f"X{id_}",)})
                for id_ in self.colours]  # fmt: skip

    def metadata(self, **changes):
        """What the network says of itself."""
        from modelfile import ModelMetadata

        values = {
            "kind": "names", "name": "tiny", "version": "0.1", "input_size": (self.side, self.side),
            "colour": "RGB", "scale": 1 / 255, "mean": (0.0,) * 3, "std": (1.0,) * 3,
            "training_data": "None.", "code_revision": "0", "licence": "Apache-2.0",
            "calibration": {"crop_margin": 0.25},
        }  # fmt: skip
        return ModelMetadata(**(values | changes))

    def network(self, path: Path, *, name="crops", batch="n", output="embedding", **changes):
        """Write a network; `changes` go to its metadata."""
        from onnx import TensorProto, helper

        nodes = [
            helper.make_node("ReduceMean", [name], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("LpNormalization", ["mean"], [output], axis=1, p=2),
        ]
        value = helper.make_tensor_value_info
        side = value(name, TensorProto.FLOAT, [batch, 3, self.side, self.side])
        out = value(output, TensorProto.FLOAT, [batch, 3])
        graph = helper.make_graph(nodes, "names", [side], [out])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, self.metadata(**changes).to_properties())
        path.write_bytes(model.SerializeToString())
        return path

    def write(self, folder: Path, **changes):
        """Write network, prototypes and vocabulary that belong together, and return their paths."""
        from siamese.names import Prototypes, file_sum, quantised
        from siamese.vocabulary import entry_line

        network = self.network(folder / "names.onnx", **changes)
        words = folder / "vocabulary.jsonl"
        words.write_text("\n".join(map(entry_line, self.things)), encoding="utf-8")
        prototypes = Prototypes(
            quantised(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]),
            np.array([0, 1, 1, 2]),
            20.0,
            0.7,
            file_sum(network),
            file_sum(words),
        )
        prototypes.save(folder / "names.npz")
        return network, folder / "names.npz", words


@pytest.fixture(scope="session")
def colour_names() -> ColourNames:
    """Names that are found by colours."""
    return ColourNames()


@pytest.fixture
def still_rates(monkeypatch):
    """The rates of keys see no time pass, so that on a slow machine nothing is given back."""
    from service.security.keys import TokenBucket

    class StillBucket(TokenBucket):
        def __init__(self, rate_per_minute, clock=None):
            super().__init__(rate_per_minute, lambda: 0.0)

    monkeypatch.setattr("service.security.keys.TokenBucket", StillBucket)


class Process:
    """A process that `Python` has started; what our tests use of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket, stdout: int, stderr: int) -> None:
        self._connection = connection
        self.pid = int(self._told())
        self.returncode: int | None = None
        self.stdout = os.fdopen(stdout, encoding="utf-8")
        self.stderr = os.fdopen(stderr, encoding="utf-8")

    def _told(self) -> bytes:
        told = self._connection.recv(100)
        assert told, "what starts the processes is gone"
        return told

    def wait(self, timeout: float | None = None) -> int:
        """How it ended; less than 0 for a signal."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            self.returncode = int(self._told())
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except BlockingIOError:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of its output and errors, and its end."""
        with ThreadPoolExecutor(1) as reader:
            faults = reader.submit(self.stderr.read)
            output = self.stdout.read()
        self.wait(timeout)
        return output, faults.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.kill()
        self.stdout.close()
        self.stderr.close()
        self.wait()
        self._connection.close()


class Python:
    """Starts processes with the packages imported already, in the root of the repository.

    What they import and how long they take to is for tests of a new interpreter.
    """

    command = "import runpy; runpy.run_module('clickorder', run_name='__main__', alter_sys=True)"
    root = Path(__file__).resolve().parents[1]

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._orders, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def start(
        self, code: str, *arguments: object, environment: Mapping[str, str] | None = None
    ) -> Process:
        """`python -c code *arguments`, with `environment` in place of this process's."""
        if self._server is None:
            script = Path(__file__).with_name("fork_server.py")
            number = self._theirs.fileno()
            path = {"PYTHONPATH": os.pathsep.join([str(self.root), *sys.path])}
            self._server = subprocess.Popen(
                [sys.executable, str(script), str(number)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                env=os.environ | path,
            )
            self._theirs.close()
        told = {
            "code": code,
            "arguments": [str(argument) for argument in arguments],
            "environment": dict(os.environ if environment is None else environment),
            "folder": str(self.root),
        }
        connection, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (stdout, theirs), (stderr, their_errors) = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        sent = [answers.detach(), nothing, theirs, their_errors]
        socket.send_fds(self._orders, [json.dumps(told).encode()], sent)
        for stream in sent:
            os.close(stream)
        return Process(connection, stdout, stderr)

    def run(
        self, code: str, *arguments: object, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Start one and wait for its end."""
        with self.start(code, *arguments, environment=environment) as process:
            output, faults = process.communicate()
        return subprocess.CompletedProcess([], process.wait(), output, faults)

    def close(self) -> None:
        self._orders.close()
        self._theirs.close()
        if self._server is not None:
            self._server.wait()


@pytest.fixture(scope="session")
def python() -> Iterator[Python]:
    """Processes that start at once."""
    starter = Python()
    yield starter
    starter.close()
