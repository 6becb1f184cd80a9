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
├── RegionOutsideError       422 region_outside
├── ForeignRequestError      403 foreign_request     (label review only, and the next six)
├── NothingHereError         404 not_found
├── PictureNotFoundError     404 picture_not_found
├── LabelsChangedError       409 labels_changed
├── LabelsDoubtfulError      409 labels_doubtful
├── BadLabelsError           422 bad_labels
├── SaveFailedError          500 save_failed
├── OverloadedError          503 overloaded (Retry-After)
└── ModelUnavailableError    503 model_unavailable
"""

from collections.abc import Sequence
from typing import ClassVar


class ServiceError(Exception):
    """A request that cannot be answered; `str(error)` is one sentence for the caller."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed."


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


class RegionOutsideError(ServiceError):
    """The prompt region is not inside the background."""

    status, code, title = 422, "region_outside", "The prompt region is outside the picture."


class OverloadedError(ServiceError):
    """Too many requests wait already; try again later.

    Attributes:
        retry_after_s: When, in seconds; the `Retry-After` header.
    """

    status, code, title = 503, "overloaded", "The service is busy."

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ModelUnavailableError(ServiceError):
    """The prompt needs a model that is not installed."""

    status, code, title = 503, "model_unavailable", "The model for this prompt is not installed."


class ForeignRequestError(ServiceError):
    """The request comes from another host or another site than the page itself."""

    status, code, title = 403, "foreign_request", "The request does not come from the page."


class NothingHereError(ServiceError):
    """The path is none of the page's."""

    status, code, title = 404, "not_found", "There is nothing here."


class PictureNotFoundError(ServiceError):
    """The picture is not one of the folder."""

    status, code, title = 404, "picture_not_found", "There is no such picture."


class LabelsChangedError(ServiceError):
    """The labels on disk are not those that were edited."""

    status, code, title = 409, "labels_changed", "The labels were changed meanwhile."


class LabelsDoubtfulError(ServiceError):
    """Saving would lose labels that could not be read."""

    status, code, title = 409, "labels_doubtful", "Some labels cannot be read."


class BadLabelsError(ServiceError):
    """The labels sent, or the files of the folder, cannot be used."""

    status, code, title = 422, "bad_labels", "The labels cannot be used."


class SaveFailedError(ServiceError):
    """A file cannot be written."""

    status, code, title = 500, "save_failed", "The labels cannot be saved."
