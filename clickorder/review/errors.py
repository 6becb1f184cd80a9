"""Errors of the review page, answered as problems like those of the service.

ServiceError
├── PictureNotFoundError     404 picture_not_found
├── LabelsChangedError       409 labels_changed
├── LabelsDoubtfulError      409 labels_doubtful
├── BadLabelsError           422 bad_labels
└── SaveFailedError          500 save_failed
"""

from service.errors import ServiceError


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
