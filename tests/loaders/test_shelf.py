"""What a long run remembers on disk reads back as it was given, and takes no memory to speak of."""

from pathlib import Path

from loaders.shelf import Dates, Several, Shelf


def test_a_key_has_each_value_once_until_it_is_discarded() -> None:
    several = Several(Shelf(), "letters")
    for value in ("b", "a", "b"):
        several.add("key", value)
    assert several.of("key") == ["a", "b"]
    several.discard("key", "b")
    several.discard("key", "never there")
    assert several.of("key") == ["a"]
    assert several.of("other key") == []


def test_a_graph_without_a_date_is_known_all_the_same() -> None:
    dates = Dates(Shelf())
    dates["graph"], dates["dated"] = None, "2024-05-01"
    assert ("graph" in dates, dates["graph"], dates["dated"]) == (True, None, "2024-05-01")
    assert "other" not in dates
    dates["graph"] = "2025-01-01"
    assert (len(dates), dates["graph"]) == (2, "2025-01-01")


def test_what_is_more_than_the_cache_is_in_the_file_and_not_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "shelf"
    several = Several(Shelf(path), "long")
    for number in range(40):
        several.add(str(number), str(number) * 500_000)
    assert path.stat().st_size > 4 * 1024 * 1024
    assert several.of("39") == ["39" * 500_000]
