"""What a user names: files, identifiers and queries are told apart, and a mistake in a query is said before it runs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from loaders.fetch import Wanted, fetched, parse_query


def test_identifiers_are_told_from_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("12345").write_text("a file")
    Path("NCT00000002").mkdir()
    given = ["12345", "nct00000001", "NCT00000002", "30048006", "PMID: 7", "-", "x.json", "NCT1", "0123", "x" * 5000]
    files, wanted = Wanted.among(given)
    assert files == ["12345", "NCT00000002", "-", "x.json", "NCT1", "0123", "x" * 5000]
    assert wanted == Wanted(("NCT00000001",), ("30048006", "7"))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("cond=amyotrophic lateral sclerosis", {"query.cond": "amyotrophic lateral sclerosis"}),
        ("cond=A & B&intr=CD4+ 100%", {"query.cond": "A & B", "query.intr": "CD4+ 100%"}),
        ("query.term=AREA[StartDate]RANGE[2020,MAX]", {"query.term": "AREA[StartDate]RANGE[2020,MAX]"}),
        ("filter.ids=NCT1,NCT2&aggFilters=phase:2", {"filter.ids": "NCT1,NCT2", "aggFilters": "phase:2"}),
        ("id=2004-000-11", {"query.id": "2004-000-11"}),
        ("pubmed=als[mh] AND x=1&y=2", {"pubmed": "als[mh] AND x=1&y=2"}),
    ],
)
def test_a_query_is_plain_text(text, parameters):
    assert dict(parse_query(text)) == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("condition=als", "'condition' is no query parameter; there are cond, term,"),
        ("als", "'als' is no query parameter"),
        ("", "'' is no query parameter"),
        ("cond=", "'cond' has no value; write cond=…"),
        ("cond", "'cond' has no value"),
        ("pubmed=", "'pubmed' has no value"),
        ("cond=a&query.cond=b", "'query.cond' is given twice"),
        ("cond=a&pageSize=1", "'pageSize' is no query parameter"),
        ("cond=a&pubmed=b", "'pubmed' is a search of its own"),
    ],
)
def test_a_mistake_in_a_query_is_said(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_query(text)


def test_nothing_wanted_is_nothing_asked(network, replay):
    assert list(fetched(Wanted(), network)) == []
    assert replay.requests == [] and not network.cache.exists()


def test_a_base_url_that_is_none_costs_only_its_service(network, replay):
    wanted = Wanted(ncts=("NCT00000001",), pmids=("5",))
    registry, article = fetched(wanted, replace(network, ctgov_url="x", ncbi_url="y"))
    assert "TRIALWEAVE_CTGOV_URL is 'x'" in str(registry) and "TRIALWEAVE_NCBI_URL is 'y'" in str(article)


def test_a_cache_folder_that_cannot_be_used_is_one_sentence(network, replay, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (error,) = fetched(Wanted(ncts=("NCT00000001",)), replace(network, cache=tmp_path / "file"))
    assert "needs the cache folder" in str(error)
