"""Keys hold as long as they say, and nobody can read them from the file."""

from pathlib import Path

import pytest

from app.errors import NotFound, StoreError
from app.keys import ApiKeys, Scope


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return ApiKeys(tmp_path / "new" / "keys.json")


def test_a_key_is_found_by_its_text_until_it_is_revoked(keys: ApiKeys) -> None:
    text, key = keys.create("script", Scope.WRITE, days=1)
    assert keys.find(text) == key
    assert keys.find(text + "x") is None
    keys.revoke(key.id)
    assert keys.find(text) is None


def test_a_key_ends_when_it_says(keys: ApiKeys) -> None:
    text, key = keys.create("script", Scope.WRITE, days=0)
    assert key.expired
    assert keys.find(text) is None


def test_the_file_holds_no_key_and_only_its_owner_reads_it(keys: ApiKeys) -> None:
    text, _ = keys.create("script", Scope.ADMIN)
    assert text not in keys.path.read_text()
    assert keys.path.stat().st_mode & 0o077 == 0


def test_what_is_not_there_cannot_be_revoked(keys: ApiKeys) -> None:
    with pytest.raises(NotFound, match="There is no key 12345678"):
        keys.revoke("12345678")


def test_a_broken_file_lets_nobody_in(keys: ApiKeys) -> None:
    text, _ = keys.create("script", Scope.WRITE)
    keys.path.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        keys.find(text)
