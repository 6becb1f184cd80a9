"""How long one request may take, and whether anybody still waits for it."""

import time

from service.errors import DeadlineExceededError


class Deadline:
    """Asked between the steps of a request, in its worker; told on the event loop.

    A network that runs cannot be stopped, but the next step need not begin.

    Args:
        seconds: From now until nobody waits any more.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._dropped = False

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def drop(self) -> None:
        """Nobody waits any more."""
        self._dropped = True

    def check(self) -> None:
        """Go on, or stop here.

        Raises:
            DeadlineExceededError: the time is over, or nobody waits.
        """
        if self._dropped or not self.left_s:
            raise self.exceeded()

    def exceeded(self) -> DeadlineExceededError:
        """The error of a request that took too long."""
        return DeadlineExceededError(
            f"The answer was not ready within {self._seconds:g} s; try again later, or with a "
            "smaller picture."
        )
