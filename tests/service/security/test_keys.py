"""Keys: found by their hash, and let through as often as they may."""

import hashlib
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RateLimitedError, TooManyAtOnceError
from service.security.keys import Keys, TokenBucket, hash_of, new_key
from service.settings import KeyDefaults, KeyEntry, Settings
from service.settings_file import KeysRequiredError


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def settings(*names, **more):
    keys = tuple(KeyEntry(name=name, hash=hash_of(f"co_{name}")) for name in names)
    return Settings(keys=keys, **more)


def test_a_key_is_256_random_bits_behind_a_prefix_that_scanners_know():
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"co_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_hash_is_the_plain_sha256():
    assert hash_of("co_a") == "sha256:" + hashlib.sha256(b"co_a").hexdigest()


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("co_a", "a"),
        ("co_b", "b"),
        ("co_c", "c"),
        ("co_d", None),
        ("co_", None),
        ("", None),
        ("CO_A", None),
        (hash_of("co_a"), None),
        ("co_ä\xff", None),
    ],
)
def test_a_key_is_found_by_its_hash_alone(token, name):
    found = Keys(settings("a", "b", "c")).find(token)
    assert (found.name if found else None) == name


def test_every_key_is_compared_whichever_is_right(monkeypatch):
    compared = []

    def spy(one, other):
        compared.append(one)
        return one == other

    keys = Keys(settings("a", "b", "c"))
    monkeypatch.setattr("hmac.compare_digest", spy)
    for token in ("co_a", "co_c", "co_x"):
        compared.clear()
        keys.find(token)
        assert len(compared) == 3


def allowed(admitted, now, size, per_s):
    """Slow and obvious: no stretch of time has had more than its share and one bucketful."""
    starts = [Fraction(0), *admitted]
    return all(
        sum(time >= start for time in admitted) + 1 <= size + per_s * (now - start)
        for start in starts
    )


@given(
    st.integers(1, 200),
    st.lists(st.integers(0, 64 * 40), min_size=1, max_size=60),
)
def test_a_bucket_lets_through_what_the_oracle_does(rate, gaps):
    """The gaps are 64ths of a second, so that the clock's own numbers are exact."""
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    now, admitted = Fraction(0), []
    for gap in gaps:
        now += Fraction(gap, 64)
        clock.now = 1000 + float(now)
        right = allowed(admitted, now, rate, Fraction(rate, 60))
        wait = bucket.take()
        assert (wait == 0) is right
        if right:
            admitted.append(now)
        else:
            later = now + Fraction(wait) + Fraction(1, 1000)
            assert allowed(admitted, later, rate, Fraction(rate, 60)), "told to come too early"
            sooner = now + Fraction(wait) - Fraction(1, 1000)
            assert not allowed(admitted, sooner, rate, Fraction(rate, 60)), "told to come too late"


@given(st.integers(1, 1000), st.floats(0, 1e6))
def test_who_waits_as_long_as_told_is_let_through(rate, start):
    clock = Clock()
    clock.now += start
    bucket = TokenBucket(rate, clock)
    for _ in range(rate):
        assert bucket.take() == 0
    clock.now += bucket.take()
    assert bucket.take() == 0


def test_a_pause_fills_the_bucket_no_more_than_full():
    clock = Clock()
    bucket = TokenBucket(3, clock)
    clock.now += 3600
    assert [bucket.take() == 0 for _ in range(4)] == [True, True, True, False]


def test_a_key_says_when_to_come_again():
    clock = Clock()
    keys = Keys(settings("a", key_defaults=KeyDefaults(rate_per_minute=2)), clock)
    key = keys.find("co_a")
    for _ in range(2):
        with key.admitted(7):
            pass
    with pytest.raises(RateLimitedError, match=r"may send 2 .* in 30 s") as caught, key.admitted(7):
        pass
    assert caught.value.headers() == {"Retry-After": "30"}
    clock.now += 30
    with key.admitted(7):
        pass


def test_a_key_has_so_many_at_once_and_a_refusal_costs_nothing():
    limits = KeyDefaults(rate_per_minute=3, concurrency=2)
    key = Keys(settings("a", key_defaults=limits), Clock()).find("co_a")
    with key.admitted(7), key.admitted(7):
        for _ in range(5):
            with pytest.raises(TooManyAtOnceError) as caught, key.admitted(7):
                pass
            assert caught.value.headers() == {"Retry-After": "7"}
    with pytest.raises(ZeroDivisionError), key.admitted(7):
        _ = 1 / 0
    with pytest.raises(RateLimitedError), key.admitted(7):
        pass


def test_an_entry_goes_before_the_defaults():
    entry = KeyEntry(name="a", hash=hash_of("co_a"), rate_per_minute=5, concurrency=6, admin=True)
    key = Keys(Settings(keys=(entry,))).find("co_a")
    assert (key.rate_per_minute, key.concurrency, key.admin) == (5, 6, True)


def test_new_keys_are_taken_and_known_ones_keep_what_they_have_used_up():
    clock = Clock()
    one = KeyDefaults(rate_per_minute=1)
    keys = Keys(settings("a", "b", key_defaults=one), clock)
    with keys.find("co_a").admitted(1):
        pass
    keys.replace(settings("a", "c", key_defaults=one))
    assert keys.find("co_b") is None
    with keys.find("co_c").admitted(1):
        pass
    with pytest.raises(RateLimitedError), keys.find("co_a").admitted(1):
        pass
    keys.replace(settings("a", key_defaults=KeyDefaults(rate_per_minute=2)))
    with keys.find("co_a").admitted(1):
        pass


def test_taking_the_last_key_out_does_not_open_the_service():
    keys = Keys(settings("a"))
    keys.replace(settings())
    assert keys.required
    assert keys.find("co_a") is None
    assert not len(keys)


def test_the_first_key_closes_an_open_one():
    keys = Keys(settings())
    assert not keys.required
    keys.replace(settings("a"))
    assert keys.required


@pytest.mark.parametrize("more", [{"host": "0.0.0.0"}, {"host": "::"}, {"keys_required": True}])
def test_a_service_that_must_have_keys_is_not_made_without(more):
    with pytest.raises(KeysRequiredError, match="clickorder keys new") as caught:
        Keys(settings(**more))
    assert "keys_required = false" in str(caught.value)
    assert Keys(settings("a", **more)).required
    assert not Keys(settings(**more | {"keys_required": False})).required
