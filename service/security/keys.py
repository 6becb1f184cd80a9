"""API keys: making one, finding whose it is, and how much it may still do.

A key is 256 random bits. Of such a key a plain SHA-256 is kept: slow hashes are for passwords,
which people choose and others guess; nobody guesses 256 bits, however fast a guess can be tried,
and a slow hash would only make every request slow.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from service.errors import (
    MissingKeyError,
    RateLimitedError,
    TooManyAtOnceError,
    UnknownKeyError,
)
from service.settings import KeyDefaults, KeyEntry, Settings
from service.settings_file import KeysRequiredError

_PREFIX = "co_"
"""So that a person, or a scanner for leaked keys, sees what it is."""

_BYTES = 32


def new_key() -> str:
    """A new key, `co_` and 43 characters; nothing that it could be found by is kept."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_of(key: str) -> str:
    """What the settings file keeps of a key."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class TokenBucket:
    """Lets `rate_per_minute` requests through in a minute, and as many at once after a pause.

    Args:
        rate_per_minute: At least 1.
        clock: Seconds, never going back.
    """

    def __init__(self, rate_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = rate_per_minute
        self._per_s = rate_per_minute / 60
        self._clock = clock
        self._tokens = float(rate_per_minute)
        self._filled = clock()

    def take(self, count: int = 1) -> float:
        """Take tokens.

        Args:
            count: How many at once; more than the bucket holds are never there.

        Returns:
            0 where there were as many; else none is taken, and this is the seconds until there
            are.
        """
        now = self._clock()
        self._tokens = min(self._size, self._tokens + (now - self._filled) * self._per_s)
        self._filled = now
        # A hair less than a token is one: else rounding sends a caller away who has waited.
        if self._tokens >= count - 1e-6:
            self._tokens -= count
            return 0.0
        return (count - self._tokens) / self._per_s


class Key:
    """One key at work; only used on the event loop, so it needs no lock.

    Args:
        entry: Entry of the settings.
        defaults: For what the entry does not say.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        entry: KeyEntry,
        defaults: KeyDefaults,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = entry.name
        self.admin = entry.admin
        self.hash = entry.hash.encode()
        self.rate_per_minute = entry.rate_per_minute or defaults.rate_per_minute
        self.concurrency = entry.concurrency or defaults.concurrency
        self._bucket = TokenBucket(self.rate_per_minute, clock)
        self._running = 0

    @contextmanager
    def admitted(self, retry_after_s: int) -> Iterator[None]:
        """One request, from its first byte to the last one of its answer.

        Args:
            retry_after_s: What to say where too many run; nobody knows when one will end.

        Raises:
            TooManyAtOnceError: as many run as this key may have at the same time.
            RateLimitedError: this key has had its requests for now.
        """
        if self._running >= self.concurrency:
            raise TooManyAtOnceError(
                f"The key {self.name} has {self._running} requests running, as many as it may "
                f"have; try again in {retry_after_s} s.",
                retry_after_s,
            )
        self.spend(1)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def spend(self, count: int) -> None:
        """Count requests that come in one, as a batch has them, against the rate.

        Raises:
            RateLimitedError: this key has had its requests for now, or never has so many.
        """
        if wait_s := self._bucket.take(count):
            seconds = math.ceil(wait_s)
            more = f" and this is {count} more" if count > 1 else ""
            raise RateLimitedError(
                f"The key {self.name} may send {self.rate_per_minute} requests in a minute{more}; "
                f"try again in {seconds} s.",
                seconds,
            )

    def continues(self, earlier: "Key") -> bool:
        """Whether this is the same key with the same limits, read from the settings again."""
        mine = (self.hash, self.rate_per_minute, self.concurrency, self.admin)
        theirs = (earlier.hash, earlier.rate_per_minute, earlier.concurrency, earlier.admin)
        return mine == theirs


class Keys:
    """All keys of the service.

    Args:
        settings: Settings of the service.
        clock: Seconds, never going back.

    Raises:
        KeysRequiredError: there must be keys and there are none.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        if settings.keys_on and not settings.keys:
            file = settings.settings or "clickorder.toml"
            raise KeysRequiredError(
                f"A service on {settings.host} needs API keys and has none; make one with "
                f"`clickorder keys new NAME --settings {file}` and serve with `--settings {file}`, "
                "or switch keys off on purpose with `keys_required = false` "
                "(CLICKORDER_KEYS_REQUIRED=false)."
            )
        self.required = settings.keys_on
        """Whether a request must bring a key."""
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self.replace(settings)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, token: str) -> Key | None:
        """Whose key this is, in a time that does not say how much of it is right."""
        digest = hash_of(token).encode()
        found = None
        for key in self._keys.values():
            if hmac.compare_digest(key.hash, digest):
                found = key  # no early exit: the time would tell which key it is
        return found

    def of(self, headers: Mapping[str, str]) -> Key:
        """The key that a request brings.

        Args:
            headers: Headers of the request, or what else says the same; names in lower case.

        Raises:
            MissingKeyError, UnknownKeyError: it brings none, or nobody's.
        """
        token = _token(headers)
        if token is None:
            raise MissingKeyError(
                "There is no API key; send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        key = self.find(token)
        if key is None:
            raise UnknownKeyError(
                "The API key is not known; ask who runs the service for one that is."
            )
        return key

    def replace(self, settings: Settings) -> None:
        """Take the keys of new settings; keys that stay the same keep what they have used up.

        Once keys are required they stay so: the last key taken out must not open the service.
        """
        keys = {}
        for entry in settings.keys:
            key = Key(entry, settings.key_defaults, self._clock)
            earlier = self._keys.get(key.name)
            keys[key.name] = earlier if earlier and key.continues(earlier) else key
        self._keys = keys
        self.required = self.required or settings.keys_on


def _token(headers: Mapping[str, str]) -> str | None:
    """The key as sent; `Authorization` goes first, unless it is a proxy's of another kind."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip() or None
