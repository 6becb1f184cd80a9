"""Where the time of one solve goes, beside what this processor could do at best.

    python -m benchmarks.profile_solve --out runs/profile

Every step is timed inside of the solver that serves, with one thread. The arithmetic of each
network is counted from its ONNX graph, and divided by what ONNX Runtime sustains on a plain product
of matrices, 8-bit and float, in the same run: that is the least time its runs could take.
"""

import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime
import typer
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from benchmarks.callers import Question
from benchmarks.service_process import ServiceProcess, default_sets
from labels.atomic import write_atomically
from labels.puzzles import Puzzle, read_puzzles

if TYPE_CHECKING:
    from rich.table import Table

    from service.effort import Effort

ROOT = Path(__file__).resolve().parent.parent

# Module and what of it is timed; of nested steps each has its own time only.
STEPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "decode": (("clickorder.local", "decode_picture"),),
    "letterbox": (("detector.yolo", "letterbox"),),
    "normalise": (
        ("modelfile.tensors", "normalised"),
        ("detector.letterbox", "normalised"),
        ("siamese.preprocess", "normalised"),
        ("classifier.onnx_classifier", "normalised"),
    ),
    "YOLO rows and NMS": (("detector.yolo", "decode"), ("detector.yolo", "select")),
    "crop and resize": (
        ("classifier.charset_classifier", "cut"),
        ("classifier.onnx_classifier", "own_frame"),
        ("siamese.matcher", "cut"),
        ("siamese.preprocess", "square"),
    ),
    "log-softmax": (("classifier.readings", "log_softmax"),),
    "cuts of prompt pictures": (("service.solving.scoring", "candidates"),),
    "matching": (("service.solving.solver", "assign"),),
}
_SIDE = 1024
_TIMEOUT_S = 120.0
_HTTP_ROUNDS = 2


@dataclass
class Clock:
    """Time of each step, without that of the steps inside of it.

    Attributes:
        seconds: By step.
        runs: The shapes of the inputs of each session, a run each.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    runs: dict[str, list[dict[str, tuple[int, ...]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _inside: list[float] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count a `with` block; processor time, since other work on the machine is none of ours."""
        self._inside.append(0.0)
        begin = time.thread_time()
        try:
            yield
        finally:
            taken = time.thread_time() - begin
            self.seconds[name] += taken - self._inside.pop()
            if self._inside:
                self._inside[-1] += taken

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*args: Any, **options: Any) -> Any:
            with self.step(name):
                return function(*args, **options)

        return counted


@contextmanager
def clocked(clock: Clock) -> Iterator[None]:
    """Count the steps of everything that is solved in a `with` block."""
    from modelfile.session import OnnxSession

    run = OnnxSession.run

    def counted(self: OnnxSession, feeds: Mapping[str, NDArray[Any]], *args: Any) -> Any:
        name = Path(self.source).stem
        clock.runs[name].append({key: array.shape for key, array in feeds.items()})
        with clock.step(f"network {name}"):
            return run(self, feeds, *args)

    with ExitStack() as stack:
        stack.enter_context(patch.object(OnnxSession, "run", counted))
        for name, places in STEPS.items():
            for module, attribute in places:
                target = f"{module}.{attribute}"
                original = getattr(__import__(module, fromlist=[attribute]), attribute)
                stack.enter_context(patch(target, clock.timed(name, original)))
        yield


def multiply_adds(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> int:
    """Multiplications with addition of one run: convolutions and products of matrices.

    Args:
        model: The network.
        inputs: Shape of each input.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for given in fixed.graph.input:
        if given.name in inputs:
            dims = given.type.tensor_type.shape.dim
            for dim, size in zip(dims, inputs[given.name], strict=True):
                dim.Clear()
                dim.dim_value = size
    del fixed.graph.value_info[:]
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {one.name: list(one.dims) for one in graph.initializer}
    return sum(_of_node(node, shapes) for node in graph.node)


def _of_node(node: onnx.NodeProto, shapes: Mapping[str, Sequence[int]]) -> int:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if node.op_type == "Conv":
        # Each output is a sum over the kernel and the input channels of its group.
        return int(np.prod(shapes[node.output[0]]) * np.prod(shapes[node.input[1]][1:]))
    if node.op_type == "ConvTranspose":
        return int(np.prod(shapes[node.input[0]]) * np.prod(shapes[node.input[1]][1:]))
    if node.op_type == "Gemm":
        inner = shapes[node.input[0]][0 if attributes.get("transA") else 1]
        return int(np.prod(shapes[node.output[0]]) * inner)
    if node.op_type == "MatMul":
        return int(np.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1])
    return 0


def sustained(operator: str, seconds: float = 1.0) -> float:
    """Multiply-adds per second of a product of square matrices in ONNX Runtime, one thread.

    Args:
        operator: `MatMul` (float) or `MatMulInteger` (8-bit).
        seconds: How long; the best of many products counts.
    """
    small = operator == "MatMulInteger"
    rng = np.random.default_rng(0)
    kind = TensorProto.UINT8 if small else TensorProto.FLOAT
    weight = rng.integers(-127, 128, (_SIDE, _SIDE)).astype(np.int8 if small else np.float32)
    result = TensorProto.INT32 if small else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["y"])],
        "product",
        [helper.make_tensor_value_info("a", kind, [_SIDE, _SIDE])],
        [helper.make_tensor_value_info("y", result, [_SIDE, _SIDE])],
        initializer=[numpy_helper.from_array(weight, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    values = rng.integers(0, 256, (_SIDE, _SIDE)).astype(np.uint8 if small else np.float32)
    session.run(None, {"a": values})
    best, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.thread_time()
        session.run(None, {"a": values})
        best = min(best, time.thread_time() - begin)
    return float(_SIDE**3 / best)


@dataclass(frozen=True, slots=True)
class Network:
    """What one network does for one solve, on average.

    Attributes:
        name: File.
        runs: Runs.
        ms: Processor time of them.
        million_multiply_adds: Their multiply-adds, in millions.
        limit_ms: Least time, at the sustained rate of 8-bit products.
        float_limit_ms: The same at that of float ones.
    """

    name: str
    runs: float
    ms: float
    million_multiply_adds: float
    limit_ms: float
    float_limit_ms: float


def networks(
    clock: Clock, solves: int, files: Mapping[str, Path], int8: float, single: float
) -> list[Network]:
    """What the networks of some solves did.

    Args:
        clock: Has counted them.
        solves: How many.
        files: Name to ONNX file.
        int8: Multiply-adds per second of 8-bit products.
        single: The same of float ones.
    """
    found = []
    for name, runs in clock.runs.items():
        model = onnx.load(files[name])
        known: dict[tuple[tuple[str, tuple[int, ...]], ...], int] = {}
        total = 0
        for shapes in runs:
            key = tuple(sorted(shapes.items()))
            if key not in known:
                known[key] = multiply_adds(model, shapes)
            total += known[key]
        each = total / solves
        found.append(
            Network(
                name,
                len(runs) / solves,
                clock.seconds[f"network {name}"] / solves * 1000,
                each / 1e6,
                each / int8 * 1000,
                each / single * 1000,
            )
        )
    return sorted(found, key=lambda one: -one.ms)


@dataclass(frozen=True, slots=True)
class Request:
    """A request over HTTP, without a second pass.

    Attributes:
        seen_ms: Median, as its caller sees it.
        worker_ms: Median of what the solver counts.
        processor_ms: Processor time of the service's process for one request, on average.
    """

    seen_ms: float
    worker_ms: float
    processor_ms: float


def over_http(asked: Sequence[tuple[Puzzle, Path]]) -> Request:
    """Ask a service with one thread, one request at a time."""
    import httpx
    import psutil

    bodies = [Question.of(*one) for one in asked]
    environment = {
        "CLICKORDER_BACKEND": "own",
        "CLICKORDER_THREADS": "1",
        "CLICKORDER_LOOK_TWICE": "false",
    }
    seen, counted, spent = [], [], 0.0
    with ServiceProcess(environment) as service, httpx.Client(trust_env=False) as client:
        process = psutil.Process(service.pid)
        for round_ in range(_HTTP_ROUNDS + 1):
            before = process.cpu_times()
            for body in bodies:
                begin = time.perf_counter()
                answer = client.post(
                    f"{service.url}/solve",
                    content=body.body,
                    headers={"content-type": body.content_type},
                    timeout=_TIMEOUT_S,
                )
                taken = (time.perf_counter() - begin) * 1000
                if round_:  # the first one warms up
                    seen.append(taken)
                    counted.append(answer.raise_for_status().json()["timings_ms"]["total"])
            after = process.cpu_times()
            if round_:
                spent += after.user + after.system - before.user - before.system
    return Request(median(seen), median(counted), spent / len(seen) * 1000)


def profile(asked: Sequence[tuple[Puzzle, Path]], *, effort: "Effort") -> Clock:
    """Solve puzzles with one thread and count the steps; the rest of a solve is a step too."""
    from clickorder.local import LocalSolver
    from service.settings import Settings

    settings = {"backend": "own", "threads": 1, "effort": effort}
    solver = LocalSolver(Settings.model_validate(settings))
    solver(*asked[0])
    clock = Clock()
    with clocked(clock):
        for one in asked:
            with clock.step("everything else"):
                solver(*one)
    return clock


def tables(
    clocks: Mapping[str, tuple[Clock, int]], found: Sequence[Network]
) -> "tuple[Table, Table]":
    """Milliseconds of each step by group of puzzles, and the networks beside their limits."""
    from rich.table import Table

    steps = Table("step, ms of processor time a solve", title="Profile", title_justify="left")
    for name in clocks:
        steps.add_column(name, justify="right")
    totals = {name: sum(clock.seconds.values()) / n for name, (clock, n) in clocks.items()}
    first, count = next(iter(clocks.values()))
    names = {step for clock, _ in clocks.values() for step in clock.seconds}
    for step in sorted(names, key=lambda step: -first.seconds.get(step, 0.0) / count):
        cells = []
        for name, (clock, n) in clocks.items():
            taken = clock.seconds.get(step, 0.0) / n
            cells.append(f"{taken * 1000:.2f} ({taken / totals[name]:.0%})")
        steps.add_row(step, *cells)
    steps.add_row("all", *(f"{total * 1000:.1f}" for total in totals.values()))
    limits = Table(title="Networks, for one solve on average", title_justify="left")
    for column in ("network", "runs", "ms", "million multiply-adds", "limit ms", "times the limit"):
        limits.add_column(column, justify="left" if column == "network" else "right")
    for one in found:
        limits.add_row(
            one.name,
            f"{one.runs:.1f}",
            f"{one.ms:.2f}",
            f"{one.million_multiply_adds:.0f}",
            f"{one.limit_ms:.2f} ({one.float_limit_ms:.2f} as float)",
            f"{one.ms / one.limit_ms:.1f}" if one.limit_ms else "",
        )
    return steps, limits


def main(
    limit: Annotated[int, typer.Option(min=1, help="Puzzles of each family.")] = 15,
    out: Annotated[Path, typer.Option(help="Folder of profile.json.")] = Path("runs/profile"),
) -> None:
    """Time the steps of a solve, and compare the networks with what the processor could do."""
    from rich.console import Console

    from service.models.backends import model_files

    before = os.getloadavg()[0]
    read = [read_puzzles(folder) for folder in default_sets(ROOT)]
    asked = [(puzzle, one.folder) for one in read for puzzle in one.puzzles[:limit]]
    kinds = {
        kind: [one for one in asked if one[0].kind == kind] for kind in ("words", "icons", "image")
    }
    clocks = {
        f"{kind}{', first pass' if not twice else ''}": (
            profile(chosen, effort="normal" if twice else "fast"),
            len(chosen),
        )
        for twice in (False, True)
        for kind, chosen in kinds.items()
    }
    int8, single = sustained("MatMulInteger"), sustained("MatMul")
    together = Clock()
    for name in kinds:
        for step, taken in clocks[name][0].seconds.items():
            together.seconds[step] += taken
        for network, runs in clocks[name][0].runs.items():
            together.runs[network] += runs
    files = {path.stem: path for path in model_files(None).values() if path.suffix == ".onnx"}
    found = networks(together, sum(map(len, kinds.values())), files, int8, single)
    request = over_http(kinds["words"])
    console = Console()
    for table in tables(clocks, found):
        console.print(table)
    console.print(
        f"One thread sustains {int8 / 1e9:.0f} thousand million 8-bit multiply-adds a second on a "
        f"product of matrices, {single / 1e9:.0f} float ones.\n"
        f"Over HTTP a prompt of words takes {request.seen_ms:.1f} ms, of which "
        f"{request.worker_ms:.1f} in the worker, and {request.processor_ms:.1f} ms of the "
        "service's processor time, first pass alone.",
        highlight=False,
    )
    document = {
        "steps_ms": {
            name: {step: taken / n * 1000 for step, taken in clock.seconds.items()}
            for name, (clock, n) in clocks.items()
        },
        "networks": [asdict(one) for one in found],
        "int8_multiply_adds_per_s": int8,
        "float_multiply_adds_per_s": single,
        "http": asdict(request),
        "load_before": round(before, 2),
        "processor": platform.processor() or platform.machine(),
        "onnxruntime": onnxruntime.__version__,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "profile.json", (json.dumps(document, indent=1) + "\n").encode())


if __name__ == "__main__":
    typer.run(main)
