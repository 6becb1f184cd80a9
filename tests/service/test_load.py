"""A moment of what `benchmarks/load.py` does for minutes: too many requests, then SIGTERM."""

import asyncio
import dataclasses
import json

import pytest

from benchmarks.callers import NO_ANSWER, Answered
from benchmarks.load import ROOT, Outcome, Plan, measure, plot, report
from benchmarks.service_process import ServiceProcess, default_sets

FINE = Outcome(
    plan=Plan(1, 8, 4),
    deadline_s=30,
    capacity=1,
    load=(Answered(0, 200, 1), Answered(1, 503, 0.1, retry_after=True)),
    memory=((3.5, 1000), (7.5, 1090)),
    alive=True,
    last=(Answered(8, 200, 1),),
    exit_code=0,
)
NOT_KEPT = {
    "ended": ({"alive": False}, "ended under load"),
    "nobody answered": ({"load": FINE.load[1:]}, "No request was answered"),
    "503 without Retry-After": ({"load": (*FINE.load, Answered(2, 503, 0.1))}, "1 requests were"),
    "500": ({"load": (*FINE.load, Answered(2, 500, 0.1))}, "1 requests were neither"),
    "no answer": ({"load": (*FINE.load, Answered(2, NO_ANSWER, 9))}, "1 requests were neither"),
    "late": ({"load": (Answered(0, 200, 31),)}, "p99 is 31.00 s"),
    "memory": ({"memory": ((3.5, 1000), (7.5, 1110))}, "grew by 11.0%"),
    "cut off": ({"last": (Answered(8, NO_ANSWER, 1),)}, "1 running requests were cut off"),
    "killed": ({"exit_code": -9}, "ended with -9"),
    "never stopped": ({"exit_code": None}, "ended with None"),
}


@pytest.mark.parametrize(("change", "piece"), NOT_KEPT.values(), ids=NOT_KEPT)
def test_a_promise_that_is_not_kept_is_told(change, piece):
    assert FINE.faults() == []
    (fault,) = dataclasses.replace(FINE, **change).faults()
    assert piece in fault


def test_far_beyond_its_capacity_the_service_answers_or_refuses_and_then_drains(
    tmp_path, monkeypatch
):
    for name in ("DEADLINE_S", "SHUTDOWN_S"):
        monkeypatch.setenv(f"CLICKORDER_{name}", "100")  # of a machine that may be busy
    sets = [folder for folder in default_sets(ROOT) if folder.name in ("text-words", "icon-list")]
    assert len(sets) == 2
    # So few that ten times the capacity fills them, however much the machine's speed changes.
    environment = {"CLICKORDER_WORKERS": "1", "CLICKORDER_LIMITS__QUEUE": "1"}
    with ServiceProcess(environment, sample_s=0.2) as service:
        outcome = asyncio.run(measure(service, sets, Plan(2, 4, 1, factor=10)))
        assert outcome.exit_code is not None, service.abort()
    # Memory still grows in the first seconds, and p99 is a matter of the machine.
    faults = [f for f in outcome.faults() if not f.startswith(("Memory", "p99"))]
    assert faults == [], [one for one in (*outcome.load, *outcome.last) if not one.fine]
    assert {one.status for one in outcome.load} == {200, 503}
    assert outcome.memory
    assert json.loads(report(outcome))["figures"]["requests"] == len(outcome.load)
    plot(outcome, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
