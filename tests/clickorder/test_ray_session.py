import pytest

from clickorder.ray_session import is_on_this_machine


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("127.0.0.1:6379", True),
        ("localhost:6379", True),
        # Kept for documents: no machine has it.
        ("203.0.113.7:6379", False),
        ("no-such-host.invalid:6379", False),
        ("ray://127.0.0.1:10001", False),
        ("auto", False),
        (":6379", False),
        (f"{'x' * 70}.invalid:1", False),
    ],
    ids=["loopback", "name", "elsewhere", "unknown", "client", "auto", "no host", "too long"],
)
def test_addresses_of_this_machine_are_known(address: str, wanted: bool) -> None:
    assert is_on_this_machine(address) is wanted
