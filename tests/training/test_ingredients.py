"""Whether there is anything to draw with."""

from pathlib import Path

from training.ingredients import has_ingredients


def test_an_empty_cache_has_nothing_to_draw_with(tmp_path: Path) -> None:
    assert not has_ingredients(tmp_path / "cache")
