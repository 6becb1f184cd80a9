"""The methods: one message and its answer, or a stream of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from service.errors import (
    BadRequestBodyError,
    InvalidRequestError,
    RateLimitedError,
    ServiceError,
)
from service.execution import Job, compute
from service.rpc import clickorder_pb2 as pb
from service.rpc.calls import Call, Told
from service.rpc.messages import names, parse, read, solve

SERVICE: str = pb.DESCRIPTOR.services_by_name["Clickorder"].full_name

_MAX_ID = 100
_REFUSAL_S = 0.05

S = TypeVar("S", bound=Message)
E = TypeVar("E", pb.SolveBatchRequest, pb.ReadBatchRequest)


def unary(sent: type[S], work: Callable[[Job, S], Message]) -> Callable[[Call], Awaitable[None]]:
    """A method of one message and one answer.

    Args:
        sent: The message.
        work: Makes the answer, in a worker.
    """

    async def answer(call: Call) -> None:
        data = await call.first()
        if data is None:
            # Of a message that gRPC itself refused, the refusal is under way: then this ends here.
            await asyncio.sleep(_REFUSAL_S)
            raise BadRequestBodyError("The call ends without a message; send one.")

        def make(job: Job) -> bytes:
            return work(job, parse(data, sent)).SerializeToString()

        told = await compute(call.service, call.request_id, make, deadline=call.deadline())
        await call.context.write(told)

    return answer


@dataclass(frozen=True, slots=True)
class Batch(Generic[E]):
    """A method of many messages, each with an answer of its own.

    Attributes:
        entry: The messages.
        line: The answers.
        work: Makes an answer from an entry and its id, in a worker.
    """

    entry: type[E]
    line: type[pb.SolveBatchResponse] | type[pb.ReadBatchResponse]
    work: Callable[[Job, E, str], Message]

    async def answer(self, call: Call) -> None:
        """Answer a batch.

        Raises:
            OverloadedError: there are as many batches as are taken, or the queue is full when it
                comes; later it waits.
            BodyTimeoutError: nothing runs, and no entry comes.
            BodyTooLargeError: an entry has more bytes than the body of a request may have.
            InvalidRequestError: there is no entry, or there are too many.
            RateLimitedError: the key has had its requests for now.
        """
        with call.service.pool.batch():
            await self._lines(call)

    async def _lines(self, call: Call) -> None:
        """Read as many entries ahead as there are workers; write each answer once it is there."""
        settings = call.service.settings
        ids: dict[str, int] = {}
        running: set[asyncio.Task[bytes]] = set()
        reading: asyncio.Task[bytes | None] | None = asyncio.create_task(call.first())
        place, more = 0, True
        fault: ServiceError | None = None
        try:
            while running or reading is not None:
                done, _ = await asyncio.wait(
                    running if reading is None else {*running, reading},
                    # A caller may well wait for the answers before it sends more.
                    timeout=None if running or not place else settings.body_timeout_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    raise call.too_slow()
                for line in [task for task in running if task in done]:
                    running.remove(line)
                    await call.context.write(line.result())
                if reading is not None and reading in done:
                    data, reading = reading.result(), None
                    fault = _refused(call, place, data)
                    more = data is not None and fault is None
                    if data is not None and fault is None:
                        running.add(asyncio.create_task(self._line(call, place, data, ids)))
                        place += 1
                if more and reading is None and len(running) < settings.workers:
                    reading = asyncio.create_task(call.next())
        finally:
            for task in (*running, *([] if reading is None else [reading])):
                task.cancel()
        if fault is not None:
            raise fault

    async def _line(self, call: Call, place: int, data: bytes, ids: dict[str, int]) -> bytes:
        """One answer, whatever happens to its entry."""
        name = str(place)
        request_id = f"{call.request_id}.{place}"

        def make(job: Job) -> bytes:
            nonlocal name
            entry = parse(data, self.entry)
            if len(entry.id) > _MAX_ID:
                raise InvalidRequestError(
                    f"`id` has {len(entry.id)} characters; at most {_MAX_ID} are taken."
                )
            name = entry.id or name
            if ids.setdefault(name, place) != place:
                raise InvalidRequestError("Two entries have the same `id`; give each its own.")
            return self.work(job, entry, name).SerializeToString()

        metrics = call.service.metrics
        try:
            line = await compute(
                call.service, request_id, make, deadline=call.deadline(), patient=True
            )
        except Exception as error:  # noqa: BLE001 - the others go on
            told = Told.of(error)
        else:
            metrics.batch_item(None)
            return line
        metrics.batch_item(told.code)
        problem = pb.Problem(
            status=told.grpc_status.value[0],
            code=told.code,
            detail=told.detail,
            request_id=request_id,
            retry_after_s=told.retry_after_s,
        )
        return self.line(id=name, problem=problem).SerializeToString()


def _refused(call: Call, place: int, data: bytes | None) -> ServiceError | None:
    """What ends a batch here, once what runs is answered; None where it goes on, or ends well."""
    if data is None:
        return None if place else InvalidRequestError("The batch is empty; send an entry.")
    if place == call.service.settings.limits.batch_items:
        return InvalidRequestError(
            f"The batch has more than {place} entries; send the rest in another."
        )
    if place and call.key is not None:  # The call itself was the first.
        try:
            call.key.spend(1)
        except RateLimitedError as error:
            return error
    return None


def _solve_entry(job: Job, entry: pb.SolveBatchRequest, name: str) -> pb.SolveBatchResponse:
    return pb.SolveBatchResponse(id=name, answer=solve(job, entry.puzzle))


def _read_entry(job: Job, entry: pb.ReadBatchRequest, name: str) -> pb.ReadBatchResponse:
    return pb.ReadBatchResponse(id=name, answer=read(job, entry.picture))


METHODS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "Solve": unary(pb.SolveRequest, solve),
    "Read": unary(pb.ReadRequest, read),
    "Names": unary(pb.NamesRequest, names),
    "SolveBatch": Batch(pb.SolveBatchRequest, pb.SolveBatchResponse, _solve_entry).answer,
    "ReadBatch": Batch(pb.ReadBatchRequest, pb.ReadBatchResponse, _read_entry).answer,
}
"""By their names in `clickorder.proto`."""
