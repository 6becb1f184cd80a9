"""What can go wrong between a program and a clickorder service.

ClientError                    `str(error)` is one sentence
├── BadArgumentError           nothing was sent: a picture that cannot be read, a key that is none
├── ConnectionFailedError      no service answers at the URL, or the connection broke
├── AnswerTimeoutError         no answer came in time
├── UnexpectedAnswerError      what answered is no clickorder service
└── ProblemError               the service said what is wrong (RFC 9457 problem details)
    ├── RequestRefusedError    4xx: the request; another try gives the same
    │   └── AccessDeniedError  401, 403: the API key
    ├── ServiceBusyError       429, 503 with `Retry-After`, 408, 504: try again later
    └── ServiceFailedError     5xx: the service, or a model that is not installed
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of the request that does not fit.

    Attributes:
        field: Its path: `prompt.words[0]`.
        detail: What is wrong with it.
    """

    field: str
    detail: str


class ClientError(Exception):
    """A request without an answer.

    Attributes:
        detail: One sentence; the same as `str(error)`.
        code: Stable, made for programs: the service's, or one of `bad_argument`,
            `connection_failed`, `answer_timeout`, `unexpected_answer`.
        status: The HTTP status; None where there was none.
        request_id: What the service's log calls the request; None where it gave none.
        errors: Every field that does not fit, where the service lists them.
        retry_after_s: When to try again, in seconds, where the service says so.
    """

    default_code = "client_error"
    exit_status: ClassVar[int] = 1
    """Exit status of a command that ends so, as of the project's other errors."""

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        errors: tuple[FieldProblem, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.status = status
        self.request_id = request_id
        self.errors = errors
        self.retry_after_s = retry_after_s


class BadArgumentError(ClientError):
    """What was given cannot be sent."""

    default_code = "bad_argument"


class ConnectionFailedError(ClientError):
    """No service answers at the URL, or the connection broke on the way."""

    default_code = "connection_failed"


class AnswerTimeoutError(ClientError):
    """The service took a connection and did not answer in time."""

    default_code = "answer_timeout"


class UnexpectedAnswerError(ClientError):
    """What answers is not a clickorder service, or not one of this version."""

    default_code = "unexpected_answer"


class ProblemError(ClientError):
    """The service answered with a problem."""

    default_code = "problem"


class RequestRefusedError(ProblemError):
    """The request is at fault, and would be again."""


class AccessDeniedError(RequestRefusedError):
    """The API key is missing, unknown, or not enough for this."""


class ServiceBusyError(ProblemError):
    """The service has too much to do, or this caller asks too often; try again later."""


class ServiceFailedError(ProblemError):
    """The service cannot do it, through no fault of the request."""


def problem_error(
    status: int, problem: Mapping[str, Any], retry_after_s: float | None = None
) -> ProblemError:
    """The error for problem details.

    Args:
        status: Status of the answer.
        problem: The body.
        retry_after_s: Seconds of the `Retry-After` header, where there is one.
    """
    kind: type[ProblemError]
    if status in (401, 403):
        kind = AccessDeniedError
    elif (
        status in (408, 429, 504)
        or (status == 503 and retry_after_s is not None)
        or problem.get("code") == "overloaded"  # a line of a batch has no header
    ):
        kind = ServiceBusyError
    else:
        kind = RequestRefusedError if status < 500 else ServiceFailedError
    listed = problem.get("errors")
    return kind(
        str(problem.get("detail") or problem.get("title") or f"The service answered {status}."),
        code=str(problem.get("code") or "") or None,
        status=status,
        request_id=str(problem.get("request_id") or "") or None,
        errors=tuple(
            FieldProblem(str(item.get("field", "")), str(item.get("detail", "")))
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, Mapping)
        ),
        retry_after_s=retry_after_s,
    )
