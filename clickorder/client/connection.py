"""What both clients share of the connection: when a request is tried again, how it is read."""

import email.utils
import inspect
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import httpx

from clickorder.client.answers import BatchAnswer
from clickorder.client.errors import (
    AnswerTimeoutError,
    BadArgumentError,
    ClientError,
    ConnectionFailedError,
    ServiceBusyError,
    UnexpectedAnswerError,
    problem_error,
)
from clickorder.client.requests import Call

T = TypeVar("T")

_FIRST_PAUSE_S = 0.2
"""Before a connection is tried for the second time; each further pause is twice as long."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


_KEY_VARIABLE = "CLICKORDER_API_KEY"

_IDLE_S = 2.0
"""A server closes an idle connection after some seconds; closing it first avoids the race."""


class Connection:
    """What both clients are made from; see `Client` for the arguments."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 3,
        longest_wait_s: float = 30.0,
    ) -> None:
        self.url = url.rstrip("/")
        key = os.environ.get(_KEY_VARIABLE, "") if api_key is None else api_key
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise BadArgumentError(
                f"The API key (or {_KEY_VARIABLE}) has characters that no key has; copy it again."
            )
        self._policy = RetryPolicy(retries, longest_wait_s)
        try:
            address = httpx.URL(self.url)
            address.host.encode("idna")  # What sockets do with it, where the error is no httpx's.
        except (httpx.InvalidURL, ValueError) as error:
            raise BadArgumentError(f"{url!r} is not a URL ({error}).") from error
        known = address.scheme in ("http", "https") and address.host
        if not known or not 0 < (address.port or 80) < 2**16:
            raise BadArgumentError(f"{url!r} is not a URL; give one like http://127.0.0.1:8000.")
        self._options: dict[str, Any] = {
            "base_url": address,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "timeout": timeout_s,
            "limits": httpx.Limits(keepalive_expiry=_IDLE_S),
        }
        self._open_http()

    def _open_http(self) -> None:
        """Make the client of httpx that requests are sent with."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def pause_s_after(self, attempt: int, error: Exception) -> float:
        """How long to wait before the next try, or the error where there is to be none."""
        pause_s = self._policy.pause_s(attempt, error)
        if pause_s is not None:
            return pause_s
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise connection_error(error, self.url) from error
        raise error


def show_as_method(method: Callable[..., object], build: Callable[..., object]) -> None:
    """Give a method the name, the text and the signature of what builds its request.

    Args:
        method: Sends the request, and returns the value of the answer.
        build: Returns a `Call` of that value.
    """
    method.__name__ = method.__qualname__ = build.__name__.removesuffix("_call")
    method.__doc__ = build.__doc__
    signature = inspect.signature(build)
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    (value,) = get_args(signature.return_annotation)
    vars(method)["__signature__"] = signature.replace(
        parameters=[self, *signature.parameters.values()], return_annotation=value
    )


FAILURES = (httpx.HTTPError, httpx.InvalidURL, ServiceBusyError)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a request is tried again.

    Attributes:
        retries: How often at most.
        longest_wait_s: A service that asks for more patience than this is not waited for.
    """

    retries: int
    longest_wait_s: float

    def pause_s(self, attempt: int, error: Exception) -> float | None:
        """Seconds to wait before the next try; None where there is to be none.

        A request that may have reached the service is never sent again, but where the service
        itself refused it for now and said when to come back.

        Args:
            attempt: How often it was tried already, from 1.
            error: What the last try gave.
        """
        if attempt > self.retries:
            return None
        if isinstance(error, _NOTHING_SENT):
            return min(_FIRST_PAUSE_S * 2.0 ** (attempt - 1), self.longest_wait_s)
        if isinstance(error, ServiceBusyError) and error.status in (429, 503):
            wait_s = error.retry_after_s
            return wait_s if wait_s is not None and wait_s <= self.longest_wait_s else None
        return None


def read_reply(call: Call[T], response: httpx.Response, url: str) -> T:
    """The value of an answer whose body has been received.

    Raises:
        ProblemError: the service says what is wrong.
        UnexpectedAnswerError: no clickorder service answers so.
    """
    try:
        body = response.json()
        if response.status_code == 200:
            return call.read(body)
        # Proxies answer JSON too; only a service of ours has a code in it.
        told = {**body, "code": body["code"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedAnswerError(
            f"{url}{call.path} answered {response.status_code}, in a way that no clickorder "
            "service does; give the URL that `clickorder serve` prints.",
            status=response.status_code,
        ) from error
    raise problem_error(response.status_code, told, retry_after_s(response))


class BatchReader:
    """Puts the lines of a batch together, as they come in pieces of any size.

    Args:
        call: Call of the batch.
        ids: IDs of its puzzles.
        url: URL of the service, for the sentences of errors.
    """

    def __init__(self, call: Call[BatchAnswer], ids: Iterable[str], url: str) -> None:
        self._call = call
        self._missing = set(ids)
        self._url = url
        self._rest = b""

    def feed(self, piece: bytes) -> list[BatchAnswer]:
        """The answers that this piece completes.

        Raises:
            UnexpectedAnswerError: a line is no answer to a puzzle that was asked.
        """
        # Not str.splitlines, which also breaks at what a word may hold: U+2028, U+0085.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [self._answer(line) for line in lines if line.strip()]

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            ConnectionFailedError: there are puzzles without an answer.
        """
        if self._missing or self._rest.strip():
            raise ConnectionFailedError(
                f"{self._url} ended the batch with {len(self._missing)} answers missing; send "
                "those puzzles again."
            )

    def _answer(self, line: bytes) -> BatchAnswer:
        try:
            answer = self._call.read(json.loads(line))
            self._missing.remove(answer.id)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnexpectedAnswerError(
                f"{self._url}{self._call.path} sent a line that answers none of the puzzles; give "
                "the URL that `clickorder serve` prints.",
                status=200,
            ) from error
        return answer


def connection_error(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> ClientError:
    """Our error for one of httpx's."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, _NOTHING_SENT):
        return AnswerTimeoutError(
            f"{url} did not answer in time; try again later, or give a longer timeout."
        )
    reason = str(error) or type(error).__name__
    return ConnectionFailedError(
        f"No service answers at {url} ({reason}); start one with `clickorder serve`."
    )


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds of the `Retry-After` header, which may also be a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
