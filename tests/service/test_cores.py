"""The cores of a container: its share of processor time counts, not the machine's cores."""

import os

import pytest

from service.cores import usable_cores

ALLOWED = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("written", "cores"),
    [
        ("max 100000\n", ALLOWED),
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        ("150000 100000\n", min(2, ALLOWED)),
        ("99900000 100000\n", ALLOWED),
        ("nonsense\n", ALLOWED),
    ],
)
def test_the_share_of_a_container_is_rounded_up(tmp_path, written, cores):
    (tmp_path / "cpu.max").write_text(written)
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_a_machine_without_shares_offers_what_it_allows(tmp_path):
    assert usable_cores(tmp_path / "cpu.max") == ALLOWED
