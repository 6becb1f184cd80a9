"""Errors of the service; each is one RFC 9457 problem.

ServiceError
├── BadPictureError          400 bad_picture
├── BadBase64Error           400 bad_base64
├── BadRequestBodyError      400 bad_body
├── BodyTimeoutError         408 body_timeout
├── BodyTooLargeError        413 body_too_large
├── PictureTooLargeError     413 picture_too_large
├── UnsupportedMediaError    415 unsupported_media_type
├── InvalidRequestError      422 invalid_request
├── TooManyItemsError        422 too_many_items
├── UnknownWordsError        422 unknown_word
├── UnknownModelError        422 unknown_model
├── ModelRefusedError        409 model_refused
├── NoPreviousVersionError   409 no_previous_version
├── RegionOutsideError       422 region_outside
├── MissingKeyError          401 missing_key (WWW-Authenticate)
├── UnknownKeyError          401 unknown_key (WWW-Authenticate)
├── AdminOnlyError           403 admin_only
├── ForeignRequestError      403 foreign_request
├── NothingHereError         404 not_found
├── TryAgainError                (Retry-After)
│   ├── RateLimitedError     429 rate_limited
│   ├── TooManyAtOnceError   429 too_many_at_once
│   ├── OverloadedError      503 overloaded
│   └── ReplicaLostError     503 replica_lost
├── ModelUnavailableError    503 model_unavailable
└── DeadlineExceededError    504 deadline_exceeded
"""

from collections.abc import Sequence
from typing import ClassVar

from modelfile.errors import ClickorderError

CALLER_LEFT = 499
"""Status of a request whose caller left before the answer, as nginx logs it; nobody is sent it."""


class ServiceError(ClickorderError):
    """A request that cannot be answered; `str(error)` is one sentence for the caller."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed."

    def headers(self) -> dict[str, str]:
        """What the answer's head says beside the problem."""
        return {}


class TryAgainError(ServiceError):
    """Not now, but later.

    Attributes:
        retry_after_s: When, in seconds; the `Retry-After` header.
    """

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": str(self.retry_after_s)}


class BadPictureError(ServiceError):
    """The bytes are not a picture that can be decoded as a person sees it."""

    status, code, title = 400, "bad_picture", "The picture cannot be decoded."


class BadBase64Error(ServiceError):
    """The text is neither base64 nor a data: URL."""

    status, code, title = 400, "bad_base64", "The picture is not base64."


class BadRequestBodyError(ServiceError):
    """The body is not JSON, or a multipart body that cannot be parsed."""

    status, code, title = 400, "bad_body", "The request body cannot be read."


class BodyTimeoutError(ServiceError):
    """The body did not arrive in time."""

    status, code, title = 408, "body_timeout", "The request body took too long."


class BodyTooLargeError(ServiceError):
    """The body has more bytes than the service takes."""

    status, code, title = 413, "body_too_large", "The request body is too large."


class PictureTooLargeError(ServiceError):
    """The picture has more pixels than the service decodes."""

    status, code, title = 413, "picture_too_large", "The picture has too many pixels."


class UnsupportedMediaError(ServiceError):
    """Neither JSON nor multipart/form-data."""

    status, code, title = 415, "unsupported_media_type", "The media type is not supported."


class InvalidRequestError(ServiceError):
    """The request does not fit the schema.

    Attributes:
        errors: Field and sentence of everything that does not fit, where there is a list.
    """

    status, code, title = 422, "invalid_request", "The request does not fit the schema."

    def __init__(self, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class TooManyItemsError(ServiceError):
    """The prompt has more items than the service matches."""

    status, code, title = 422, "too_many_items", "There are too many items."


class UnknownWordsError(ServiceError):
    """A word of the prompt cannot be scored by any installed model."""

    status, code, title = 422, "unknown_word", "A word of the prompt cannot be read."


class UnknownModelError(ServiceError):
    """The request names a bundle that is not served, or not for such a request."""

    status, code, title = 422, "unknown_model", "There is no such model bundle."


class ModelRefusedError(ServiceError):
    """A bundle cannot be served as it lies in its folder; what was served before still is."""

    status, code, title = 409, "model_refused", "The model bundle is refused."


class NoPreviousVersionError(ServiceError):
    """A bundle has no version to go back to."""

    status, code, title = 409, "no_previous_version", "There is no previous version."


class RegionOutsideError(ServiceError):
    """The prompt region is not inside the background."""

    status, code, title = 422, "region_outside", "The prompt region is outside the picture."


class OverloadedError(TryAgainError):
    """Too many requests wait already."""

    status, code, title = 503, "overloaded", "The service is busy."


class ReplicaLostError(TryAgainError):
    """On a cluster: the replicas that computed the answer ended before it was there."""

    status, code, title = 503, "replica_lost", "The replica that computed the answer ended."


class ModelUnavailableError(ServiceError):
    """The prompt needs a model that is not installed."""

    status, code, title = 503, "model_unavailable", "The model for this prompt is not installed."


class DeadlineExceededError(ServiceError):
    """The answer was not ready in time."""

    status, code, title = 504, "deadline_exceeded", "The answer took too long."


class _WithoutKeyError(ServiceError):
    """A request without a key that is known."""

    def headers(self) -> dict[str, str]:
        """How a key is sent (RFC 9110, section 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class MissingKeyError(_WithoutKeyError):
    """The request brings no API key."""

    status, code, title = 401, "missing_key", "An API key is missing."


class UnknownKeyError(_WithoutKeyError):
    """The request brings an API key that is nobody's."""

    status, code, title = 401, "unknown_key", "The API key is not known."


class AdminOnlyError(ServiceError):
    """The request needs the API key of an administrator."""

    status, code, title = 403, "admin_only", "Only an administrator may do this."


class ForeignRequestError(ServiceError):
    """The request comes from another host, or from a page of another site."""

    status, code, title = 403, "foreign_request", "The request comes from elsewhere."


class RateLimitedError(TryAgainError):
    """The API key has had its requests for now."""

    status, code, title = 429, "rate_limited", "Too many requests came with this API key."


class TooManyAtOnceError(TryAgainError):
    """As many requests run as the API key may have at the same time."""

    status, code, title = 429, "too_many_at_once", "Too many requests run with this API key."


class NothingHereError(ServiceError):
    """The path is none of a page's."""

    status, code, title = 404, "not_found", "There is nothing here."
