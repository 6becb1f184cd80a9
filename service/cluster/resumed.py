"""An answer that several replicas may have had a part in; the caller sees one."""

import json

from starlette.datastructures import Headers
from starlette.types import Message, Send

from service.cluster.forwarding import WholeAnswer
from service.errors import ReplicaLostError
from service.http.batch import MEDIA_TYPE


class ResumedAnswer:
    """Passes an answer on, and after a replica was lost the rest of the next replica's.

    Most answers are kept until they are whole, as they are short. Lines of a batch are passed on
    as they come; a batch that begins again on another replica repeats the lines that were sent,
    and those are left out.

    Args:
        send: Where the answer goes.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: list[Message] = []
        self._lines = False
        self._begun = False
        self._sent_ids: set[str] = set()
        self._rest = b""

    def begin_again(self) -> None:
        """Another replica answers from the start."""
        self._kept.clear()
        self._rest = b""

    async def take(self, messages: list[Message]) -> None:
        """Take messages of the replica that answers now.

        Raises:
            ReplicaLostError: lines of a batch were sent, and this replica refuses the batch.
        """
        for message in messages:
            if message["type"] == "http.response.start":
                await self._start(message)
            elif message["type"] == "http.response.body" and self._lines:
                await self._pass_lines(message)
            else:
                self._kept.append(message)

    async def end(self) -> None:
        """The replica's answer is whole."""
        if self._lines:
            await self._send({"type": "http.response.body", "body": self._rest})
            return
        for message in self._kept:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        media_type = Headers(raw=message["headers"]).get("content-type", "").partition(";")[0]
        self._lines = message["status"] == 200 and media_type == MEDIA_TYPE
        if not self._begun:
            if self._lines:
                self._begun = True
                await self._send(message)
            else:
                self._kept.append(message)
        elif not self._lines:
            refused = WholeAnswer.of([message])
            raise ReplicaLostError(
                "A replica ended in the middle of the batch, and the next one answered "
                f"{refused.status}; send the puzzles that have no answer yet again."
            )

    async def _pass_lines(self, message: Message) -> None:
        *lines, self._rest = (self._rest + message.get("body", b"")).split(b"\n")
        fresh = []
        for line in lines:
            name = json.loads(line)["id"]
            if name not in self._sent_ids:
                self._sent_ids.add(name)
                fresh.append(line + b"\n")
        if fresh:
            body = b"".join(fresh)
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
