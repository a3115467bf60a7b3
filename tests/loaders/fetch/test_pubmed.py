"""PubMed: articles by id in batches, and searches, also those that find more than PubMed gives at once."""

import re
from dataclasses import replace

import pytest
from lxml import etree

from loaders.documents import Document
from loaders.errors import SourceError
from loaders.fetch import Wanted, fetched
from loaders.fetch import pubmed as module
from tests.loaders.fetch.replay import Answer, Replay, Request

FETCH = "/eutils/efetch.fcgi"
SEARCH = "/eutils/esearch.fcgi"


def xml(text: str) -> Answer:
    return Answer(f'<?xml version="1.0" ?>\n{text}'.encode(), "text/xml; charset=UTF-8")


class Library:
    """Articles 1 to 1,000, of which a search finds the even ones."""

    def __init__(self, replay: Replay, most: int = 9_999) -> None:
        self.replay = replay
        self.most = most
        replay.on(FETCH, self.fetch)
        replay.on(SEARCH, self.search)

    def fetch(self, request: Request) -> Answer:
        pmids = [pmid for pmid in request.parameters["id"].split(",") if int(pmid) <= 1000]
        articles = (
            f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><CommentsCorrectionsList><CommentsCorrections>"
            "<PMID>5000</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation></PubmedArticle>"
            for pmid in pmids
        )
        return xml(f"<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>")

    def search(self, request: Request) -> Answer:
        within = re.search(r" AND (\d+):(\d+)\[uid\]$", request.parameters["term"])
        lowest, highest = map(int, within.groups()) if within else (1, 1000)
        found = [number for number in range(2, 1001, 2) if lowest <= number <= highest]
        given = "".join(f"<Id>{number}</Id>" for number in found[: self.most])
        return xml(f"<eSearchResult><Count>{len(found)}</Count><IdList>{given}</IdList></eSearchResult>")


@pytest.fixture
def library(replay) -> Library:
    return Library(replay)


def pmids(found: list[Document | SourceError]) -> list[str]:
    return [
        element.text
        for document in found
        if isinstance(document, Document)
        for element in etree.fromstring(document.data).iterfind("*/MedlineCitation/PMID")
    ]


def ask(network, *wanted: str, queries: tuple[str, ...] = ()) -> list[Document | SourceError]:
    files, rest = Wanted.among(wanted, queries)
    assert not files
    return list(fetched(rest, network))


def test_articles_come_in_batches_of_two_hundred_by_post(library, network):
    wanted = [str(number) for number in range(1, 451)]
    found = ask(network, *wanted)
    assert pmids(found) == wanted
    assert [document.name for document in found] == [
        "PMID 1 and 199 more",
        "PMID 201 and 199 more",
        "PMID 401 and 49 more",
    ]
    first, _, last = library.replay.requests
    assert first.method == "POST" and len(first.parameters["id"].split(",")) == 200
    assert {name: value for name, value in last.parameters.items() if name != "id"} == {
        "db": "pubmed",
        "rettype": "xml",
        "retmode": "xml",
        "tool": "trialweave",
    }


def test_an_article_that_is_not_there_is_named(library, network):
    found = ask(network, "5", "5000", "6")
    assert pmids(found) == ["5", "6"]
    assert str(found[1]) == "5000: PubMed has no article with this id"
    assert [str(item) for item in ask(network, "5001")] == ["5001: PubMed has no article with this id"]


def test_an_id_given_twice_is_asked_once(library, network):
    assert pmids(ask(network, "5", "PMID 5", "pmid:5", "PMID5")) == ["5"]


@pytest.mark.parametrize(("key", "pause"), [(None, 1 / 3), ("k", 0.1)])
def test_requests_keep_to_the_limits_of_ncbi(library, network, hours, key, pause):
    ask(replace(network, ncbi_api_key=key), *map(str, range(1, 801)))
    assert hours.slept == [pytest.approx(pause, abs=0.001)] * 3


def test_key_and_contact_are_told_to_the_service_and_to_nobody_else(library, network):
    private = replace(network, ncbi_api_key="s3cret", contact="a@b.org")
    found = ask(private, "5", queries=("pubmed=als[mh]",))
    for request in library.replay.requests:
        assert {"api_key": "s3cret", "email": "a@b.org", "tool": "trialweave"}.items() <= request.parameters.items()
    kept = b"".join(file.read_bytes() for file in network.cache.rglob("*") if file.is_file())
    assert b"s3cret" not in kept and all("s3cret" not in document.name for document in found)
    asked = len(library.replay.requests)
    ask(network, "5", queries=("pubmed=als[mh]",))
    assert len(library.replay.requests) == asked, "another key does not make another request"


def test_a_search_gives_all_it_finds(library, network):
    found = ask(network, queries=("pubmed=a & b=c[mh]",))
    assert pmids(found) == [str(number) for number in range(2, 1001, 2)]
    assert found[0].name == "pubmed=a & b=c[mh], PMID 2 to 400"
    assert library.replay.asked(SEARCH)[0].parameters["term"] == "a & b=c[mh]"


def test_a_search_that_finds_too_much_is_cut_into_ranges(replay, network, monkeypatch):
    monkeypatch.setattr(module, "MOST_FOUND", 100)
    library = Library(replay, most=100)
    assert pmids(ask(network, queries=("pubmed=als",))) == [str(number) for number in range(2, 1001, 2)]
    terms = [request.parameters["term"] for request in library.replay.asked(SEARCH)]
    assert terms[:2] == ["als", "(als) AND 1:50000000[uid]"] and len(terms) < 50


def test_a_server_that_does_not_know_ranges_is_given_up(replay, network, monkeypatch):
    monkeypatch.setattr(module, "MOST_FOUND", 100)
    replay.on(SEARCH, xml("<eSearchResult><Count>500</Count><IdList><Id>1</Id></IdList></eSearchResult>"))
    (error,) = ask(network, queries=("pubmed=als",))
    assert "PubMed says that it found 500 articles, but gives 1" in str(error)
    assert len(replay.requests) < 40


def test_a_search_that_finds_nothing_is_no_error(replay, network):
    replay.on(SEARCH, xml("<eSearchResult><Count>0</Count><IdList/></eSearchResult>"))
    assert ask(network, queries=("pubmed=als",)) == []


@pytest.mark.parametrize(
    "bad",
    [
        xml("<PubmedArticleSet><PubmedArticle>"),
        xml("<eFetchResult><ERROR>Cannot retrieve the data</ERROR></eFetchResult>"),
        xml("<OtherSet/>"),
        xml(
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><PubmedArticleSet>&b;&c;</PubmedArticleSet>'
        ),
        Answer(b'{"error":"API rate limit exceeded"}', status=429),
    ],
    ids=["torn", "error", "other", "entities", "rate"],
)
def test_an_answer_that_is_none_is_asked_for_again_but_not_for_ever(library, replay, network, bad):
    replay.on(
        FETCH,
        bad,
        bad,
        xml("<PubmedArticleSet><PubmedArticle><M><PMID>5</PMID></M></PubmedArticle></PubmedArticleSet>"),
    )
    (found,) = ask(network, "5")
    assert isinstance(found, Document)
    replay.on(FETCH, bad)
    (error,) = ask(network, "6")
    assert "PMID 6: was not fetched: PubMed " in str(error) and "6 times in a row" in str(error)


def test_a_stopped_search_asks_no_batch_twice(library, network):
    stop = {"at": 2}

    def progress(said: str) -> None:
        stop["at"] -= 1
        if not stop["at"]:
            raise KeyboardInterrupt

    wanted = Wanted.among([], ["pubmed=als"])[1]
    with pytest.raises(KeyboardInterrupt):
        list(fetched(wanted, network, progress))
    assert len(library.replay.asked(FETCH)) == 2
    assert len(pmids(list(fetched(wanted, network)))) == 500
    assert len(library.replay.asked(FETCH)) == 3 and len(library.replay.asked(SEARCH)) == 1


def test_a_batch_that_cannot_be_had_does_not_cost_the_others(library, replay, network):
    def fetch(request: Request) -> Answer:
        return Answer(b"no", "text/plain", 400) if request.parameters["id"].startswith("1,") else library.fetch(request)

    replay.on(FETCH, fetch)
    error, found = ask(network, *map(str, range(1, 301)))
    assert str(error) == "PMID 1 and 199 more: was not fetched: PubMed does not accept the request: no"
    assert len(pmids([found])) == 100
