"""PubMed XML: what the fields become, which articles are studies, and that bad input costs nothing but itself."""

import gzip
import tracemalloc
from hashlib import sha256
from io import BytesIO, RawIOBase
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders import gate
from loaders.emit import emit, emit_article, emit_provenance
from loaders.errors import SourceError
from loaders.readers import pubmed
from loaders.readers.pubmed import xml
from loaders.record import Article, Author, Deleted, Grant, Study
from tests.loaders.readers.pubmed_sample import XML, article, article_set, only, publication, read


def abstract(*sections: tuple[str, str]) -> str:
    texts = "".join(f'<AbstractText Label="{label}">{text}</AbstractText>' for label, text in sections)
    return f"<Abstract>{texts}</Abstract>"


def found(inside: str = "", **parts: str):
    return publication(only(article_set(article(inside, **parts))))


class TestFields:
    @pytest.fixture
    def study(self) -> Study:
        return only(article_set(XML))

    def test_the_study_is_the_registered_one(self, study):
        assert (study.nct, study.pmid, study.doi) == ("NCT00000001", "99000001", "10.1234/sunshine.1")
        assert study.label == "Sunshine in a made-up disease: a trial."
        assert study.registration_evidence == [], "a data bank entry is a field, not a reading"
        assert study.conditions == [], "a subject of the article is no condition of the study"

    def test_the_source_has_its_own_date_and_the_hash_of_the_article(self, study):
        assert (study.source.kind, study.source.name) == ("PUBMED", "made-up.xml")
        assert study.source.version_date == "2021-03-09"
        assert study.source.sha256 == sha256(XML.strip().encode()).hexdigest()

    def test_bibliography(self, study):
        article = publication(study)
        assert (article.journal, article.journal_abbrev) == ("Journal of made-up medicine", "J Made Up Med")
        assert (article.issn, article.volume, article.issue, article.pages) == ("1234-567X", "12", "3", "100-10")
        assert (article.issued, article.issued_text, article.available) == ("2020-09", None, "2020-08-31")
        assert (article.pii, article.pmcid) == ("S1234-5", "PMC9900001")
        assert (article.source_version, article.indexing_status, article.indexing_method) == ("2", "MEDLINE", "Curated")
        assert (article.history_received, article.history_pubmed) == ("2020-01-07", "2020-09-01")

    def test_people(self, study):
        article = publication(study)
        assert article.authors == [
            Author(name="Ada B Example", orcid="0000-0002-1825-0097"),
            Author(name="Bo Sample Jr"),
            Author(name="Sunshine Group"),
        ]
        assert article.creators == ["Ada B Example", "Bo Sample Jr", "Sunshine Group"]
        assert article.funding == [Grant(number="R01 XY123", agency="NIXY NIH HHS", country="United States")]

    def test_subjects(self, study):
        article = publication(study)
        assert article.mesh_headings == ["D000690", "D006801"]
        assert article.mesh_major == ["D000690"], "its qualifier is marked"
        assert article.mesh_qualified == ["D000690Q000628"]
        assert (article.chemicals, article.supplementary_mesh) == (["D019782"], ["C536408"])
        assert article.keywords == study.keywords == ["sunshine", "light"]
        assert article.publication_types == ["D016428", "D016449"]

    def test_other_articles(self, study):
        article = publication(study)
        assert (article.retracted_by, article.corrected_by) == (["99000010"], ["99000011"])
        assert (article.references, article.references_doi) == (["99000020"], ["10.1234/cited.2"])

    def test_no_address_is_kept(self, study):
        assert b"example.org" not in emit(study).triples

    def test_it_passes_the_gate(self, study):
        emission = emit(study)
        provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0")
        assert emission.graph.endswith("/graph/NCT00000001/pubmed")
        assert gate.validate(emission.triples + provenance + emission.links).text() == ""


@pytest.mark.parametrize(
    ("printed", "issued", "text"),
    [
        ("<Year>2018</Year>", "2018", None),
        ("<Year>2018</Year><Month>Sep</Month>", "2018-09", None),
        ("<Year>2018</Year><Month>09</Month><Day>5</Day>", "2018-09-05", None),
        ("<Year>2018</Year><Month>September</Month><Day>14</Day>", "2018-09-14", None),
        ("<Year>2018</Year><Month>Feb</Month><Day>30</Day>", "2018-02", "2018 Feb 30"),
        ("<Year>2018</Year><Season>Winter</Season>", "2018", "2018 Winter"),
        ("<MedlineDate>2016 Nov-Dec</MedlineDate>", "2016", "2016 Nov-Dec"),
        ("<MedlineDate>Winter 2016</MedlineDate>", "2016", "Winter 2016"),
        ("<MedlineDate>1978 Sep-OCT</MedlineDate>", "1978", "1978 Sep-OCT"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", None, "1998 Dec-1999 Jan"),
        ("<MedlineDate>Spring</MedlineDate>", None, "Spring"),
        ("<Year>0018</Year>", None, "0018"),
        ("", None, None),
    ],
)
def test_dates_are_as_precise_as_printed(printed, issued, text):
    article = found(f"<Journal><JournalIssue><PubDate>{printed}</PubDate></JournalIssue></Journal>")
    assert (article.issued, article.issued_text) == (issued, text)


IDS = '<ArticleIdList><ArticleId IdType="doi">10.1000/LIST</ArticleId></ArticleIdList>'


@pytest.mark.parametrize(
    ("inside", "data", "doi"),
    [
        ("", IDS, "10.1000/list"),
        ('<ELocationID EIdType="doi" ValidYN="Y">10.1000/Own</ELocationID>', IDS, "10.1000/own"),
        ('<ELocationID EIdType="doi" ValidYN="N">10.1000/wrong</ELocationID>', IDS, "10.1000/list"),
        ('<ELocationID EIdType="doi">10.1000/own</ELocationID>', "", "10.1000/own"),
        ('<ELocationID EIdType="doi">no DOI at all</ELocationID>', IDS, "10.1000/list"),
        ("", f"<ReferenceList><Reference>{IDS}</Reference></ReferenceList>", None),
    ],
)
def test_the_doi_is_the_articles_own_from_either_place(inside, data, doi):
    assert found(inside, data=data).doi == doi


def test_words_are_kept_without_their_markup():
    title = "<ArticleTitle>H<sub>2</sub>O in <i>E. coli</i> <b>&lt;5</b> &#x3bc;m</ArticleTitle>"
    assert found(title).title == "H2O in E. coli <5 \u03bcm"


def test_a_title_in_its_own_language():
    vernacular = "<VernacularTitle>Sonne und Licht.</VernacularTitle>"
    assert found(f"<ArticleTitle>[Not Available].</ArticleTitle>{vernacular}").title == "Sonne und Licht."
    both = found(f"<ArticleTitle>[Sun and light].</ArticleTitle>{vernacular}")
    assert (both.title, both.vernacular_title) == ("[Sun and light].", "Sonne und Licht.")


class TestSections:
    def test_text_is_nfc_and_verbatim_inside(self):
        text = "  e\u0301te\u2009 a  <i>b</i>\u00a0c\n d \u2003"
        (section,) = found(f"<Abstract><AbstractText>{text}</AbstractText></Abstract>").sections
        assert section.text == "\u00e9te\u2009 a  b\u00a0c\n d"
        assert (section.label, section.length) == ("Abstract", len(section.text))
        assert section.sha256 == sha256(section.text.encode()).hexdigest()

    def test_labels_are_spelt_as_usual(self):
        sections = found(abstract(("MATERIALS &amp; METHODS", "a"), ("Results", "b"), ("UNLABELLED", "c"))).sections
        assert [section.label for section in sections] == ["Materials and methods", "Results", "Unlabelled"]

    def test_two_of_one_label_can_be_told_apart(self):
        sections = found(abstract(("METHODS", "a"), ("METHODS", "b"), ("RESULTS", " "))).sections
        assert [section.label for section in sections] == ["Methods", "Methods 2"]

    def test_other_abstracts_say_which_they_are(self):
        after = '<OtherAbstract Type="Publisher" Language="spa"><AbstractText>Hola.</AbstractText></OtherAbstract>'
        assert [section.label for section in found(after=after).sections] == ["Abstract (Publisher, spa)"]


class TestWhichStudy:
    """Nothing but a clinical type, a registry id or one NCT id in the text makes an article the report of a study."""

    def record(self, inside: str = "", types: str = "Journal Article"):
        return only(article_set(article(inside, types)))

    def bank(self, name: str, *numbers: str) -> str:
        listed = "".join(f"<AccessionNumber>{number}</AccessionNumber>" for number in numbers)
        return (
            f"<DataBankList><DataBank><DataBankName>{name}</DataBankName><AccessionNumberList>{listed}"
            "</AccessionNumberList></DataBank></DataBankList>"
        )

    @pytest.mark.parametrize("kind", ["Randomized Controlled Trial", "Clinical Trial, Phase II", "Observational Study"])
    def test_a_clinical_type(self, kind):
        study = self.record(types=f"Journal Article|{kind}")
        assert (study.nct, study.pmid, study.study_type, study.phases) == (None, "1", None, [])

    @pytest.mark.parametrize(
        "types", ["Journal Article", "Review", "Editorial", "Randomized Controlled Trial|Comment", "Case Reports"]
    )
    def test_other_articles_claim_no_study(self, types):
        record = self.record(types=types)
        assert isinstance(record, Article)
        emission = emit_article(record)
        provenance = emit_provenance(record.source, emission.graph, emission.study, "0.1.0")
        assert b"/study/" not in emission.triples + provenance
        assert emission.graph.endswith("/graph/pmid-1/pubmed")
        assert gate.validate(emission.triples + provenance).text() == ""

    def test_a_review_is_not_the_trial_it_names(self):
        record = self.record(self.bank("ClinicalTrials.gov", "NCT00000001"), "Journal Article|Review")
        assert isinstance(record, Article)
        assert record.publication.accessions == ["ClinicalTrials.gov/NCT00000001"]

    def test_an_id_in_the_abstract_says_its_place_and_method(self):
        study = self.record(abstract(("METHODS", "A."), ("RESULTS", "Done (NCT 00000001).")))
        (evidence,) = study.registration_evidence
        assert study.nct == "NCT00000001"
        assert (evidence.section, evidence.start, evidence.end, evidence.method) == ("Results", 6, 18, "RULE")
        assert study.publications[0].sections[1].text[6:18] == "NCT 00000001"

    def test_an_id_in_the_title_passes_the_gate(self):
        study = self.record("<ArticleTitle>The XYZ trial (NCT00000001).</ArticleTitle>" + abstract(("METHODS", "A.")))
        assert (study.nct, study.registration_evidence[0].section) == ("NCT00000001", "Title")
        emission = emit(study)
        provenance = emit_provenance(study.source, emission.graph, emission.study, "0.1.0")
        assert gate.validate(emission.triples + provenance).text() == ""

    def test_the_data_bank_comes_before_the_text(self):
        bank = self.bank("ClinicalTrials.gov", "NCT00000001")
        study = self.record(abstract(("METHODS", "After NCT00000002.")) + bank)
        assert (study.nct, study.registration_evidence) == ("NCT00000001", [])

    def test_several_ids_are_proposed_and_none_is_taken(self):
        study = self.record(self.bank("ClinicalTrials.gov", "NCT00000001", "NCT00000002", "NCT00000001"))
        assert study.nct is None
        assert [link.target for link in study.links] == ["NCT00000001", "NCT00000002"]

    def test_other_registries(self):
        study = self.record(self.bank("ISRCTN", "isrctn00000001"))
        assert (study.nct, study.other_ids) == (None, ["ISRCTN00000001"])

    def test_other_banks_keep_no_studies(self):
        record = self.record(self.bank("GENBANK", "AB000001"))
        assert isinstance(record, Article)
        assert record.publication.accessions == ["GENBANK/AB000001"]

    def test_what_is_no_id_is_kept_and_told(self):
        study = self.record(self.bank("ClinicalTrials.gov", "NCT123"), "Clinical Trial")
        assert (study.nct, study.publications[0].accessions) == (None, ["ClinicalTrials.gov/NCT123"])
        assert "'NCT123' is not an NCT id" in study.source.warnings[0]

    @pytest.mark.parametrize("text", ["NCT123", "NCT000000012", "XNCT00000001", "nct of 30 patients", "distinct"])
    def test_what_only_looks_like_an_id(self, text):
        assert isinstance(self.record(abstract(("METHODS", text))), Article)


class TestForms:
    def test_a_single_article(self):
        assert only(XML).nct == "NCT00000001"

    def test_namespaces_declared_on_the_set(self):
        text = f"<PubmedArticleSet xmlns:m='http://x'>{article('<ArticleTitle>a<m:i>b</m:i></ArticleTitle>')}"
        assert publication(only(f"{text}</PubmedArticleSet>")).title == "ab"

    def test_another_declared_encoding(self):
        text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + article("<ArticleTitle>\u00e9</ArticleTitle>")
        assert publication(only(text.encode("latin-1"))).title == "\u00e9"

    def test_a_stream_that_gives_a_little_at_a_time(self):
        class Slow(RawIOBase):
            def __init__(self, data: bytes) -> None:
                self.data = BytesIO(data)

            def readable(self) -> bool:
                return True

            def readinto(self, buffer) -> int:
                part = self.data.read(7)
                buffer[: len(part)] = part
                return len(part)

        records = read(Slow(article_set(*(article(pmid=str(number)) for number in range(1, 9)))))
        assert [publication(record).pmid for record in records] == [str(number) for number in range(1, 9)]

    def test_gzip_as_a_stream(self):
        packed = gzip.compress(article_set(XML))
        assert read(gzip.GzipFile(fileobj=BytesIO(packed)))[0].nct == "NCT00000001"
        *_, last = read(gzip.GzipFile(fileobj=BytesIO(packed[:-20])))
        assert "cannot be read to its end" in str(last)

    def test_deleted_articles(self):
        text = "<DeleteCitation>\n<PMID Version='1'>5</PMID><PMID>x</PMID>\n</DeleteCitation>"
        kept, deleted, error = read(article_set(article(), text))
        assert isinstance(kept, Article)
        assert deleted == Deleted(pmid="5")
        assert "no PubMed id" in str(error)

    def test_books_are_skipped_and_told(self):
        book = "<PubmedBookArticle><BookDocument><PMID>7</PMID></BookDocument></PubmedBookArticle>"
        error, kept = read(article_set(book, article()))
        assert "book or chapter with PubMed id 7 is skipped" in str(error)
        assert publication(kept).pmid == "1"

    def test_the_hash_is_the_articles_own(self):
        one, other = only(article_set(XML)), read(article_set(article(), XML))[1]
        assert one.source.sha256 == other.source.sha256

    def test_recognised_by_its_beginning(self):
        assert pubmed.recognises(article_set(XML), "x")
        assert pubmed.recognises(b"\xef\xbb\xbf" + XML.encode(), "x")
        assert not pubmed.recognises(b"<html><body>PubmedArticle</body></html>", "x")
        assert not pubmed.recognises(b'{"a": "<PubmedArticle>"}', "x")


BOMB = '<!DOCTYPE PubmedArticleSet [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{chr(ord(name) - 1)};" * 10}">' for name in "bcdefghij"
)


class TestBadInput:
    def test_one_broken_article_costs_no_other(self):
        bad = article().replace("</Article>", "", 1)
        error, kept = read(article_set(bad, article(pmid="2")))
        assert "made-up.xml:3: an article is not well-formed XML" in str(error)
        assert publication(kept).pmid == "2"

    def test_an_article_that_does_not_end(self):
        error, kept = read(article_set(article().replace("</PubmedArticle>", ""), article(pmid="2")))
        assert str(error) == "made-up.xml:3: an article is cut off where the next one begins"
        assert publication(kept).pmid == "2"

    def test_an_article_that_has_not_begun(self):
        error, kept = read(article_set(article().replace("<PubmedArticle>", "<PubmedArtincle>"), article(pmid="2")))
        assert str(error) == "made-up.xml:3: an article ends that has not begun"
        assert publication(kept).pmid == "2"

    def test_a_label_that_is_a_text_is_cut(self):
        words = "x" * 100_000
        texts = "".join(f'<AbstractText Label="{words}">{text}</AbstractText>' for text in "ab")
        inside = f"<Abstract>{texts}</Abstract>"
        assert [len(each.label) for each in publication(only(article(inside))).sections] == [200, 202]

    @pytest.mark.parametrize("pmid", ["", "x", "0", "1234567890", "<Hour>1</Hour>"])
    def test_no_pubmed_id(self, pmid):
        error, kept = read(article_set(article(pmid=pmid), article(pmid="2")))
        assert "made-up.xml:3: an article has no PubMed id" in str(error)
        assert publication(kept).pmid == "2"

    def test_a_file_that_is_cut_off(self):
        data = article_set(article(), article(pmid="2"))
        *records, error = read(data[:-60])
        assert len(records) == 1
        assert "cut off in the middle of an article" in str(error)
        *records, error = read(data[:-10])
        assert len(records) == 2
        assert "the end of the set is missing" in str(error)

    @pytest.mark.parametrize("data", ["<a/>", "<PubmedArticleSet></PubmedArticleSet>", "<" * 3_000_000])
    def test_no_articles(self, data):
        assert "holds no PubMed article" in str(only(data))

    def test_entities_are_refused_before_anything_is_parsed(self):
        text = f"{BOMB}]><PubmedArticleSet>{article('<ArticleTitle>&j;</ArticleTitle>')}</PubmedArticleSet>"
        assert "declares entities" in str(only(text))

    def test_an_undeclared_entity_is_an_error_of_its_article(self):
        error, kept = read(article_set(article("<ArticleTitle>&j;</ArticleTitle>"), article(pmid="2")))
        assert "not well-formed" in str(error)
        assert publication(kept).pmid == "2"

    def test_nothing_is_fetched_for_a_doctype(self):
        doctype = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "http://127.0.0.1:9/pubmed.dtd">'
        assert only(f"{doctype}<PubmedArticleSet>{article()}</PubmedArticleSet>").publication.pmid == "1"

    def test_too_many_accents_are_no_text(self):
        error = only(article_set(article(f"<ArticleTitle>a{chr(0x301) * 40}</ArticleTitle>")))
        assert "PubMed id 1: more than 30 accents" in str(error)

    def test_memory_does_not_grow_with_the_file(self):
        class Long(RawIOBase):
            """An article of 200 MB, and a small one after it."""

            def __init__(self) -> None:
                ends = b"</PubmedArticle>" + article().encode()
                middle = (b"x" * 1_000_000 for _ in range(200))
                self.parts = chain([b"<PubmedArticleSet><PubmedArticle>"], middle, [ends])
                self.part = b""

            def readable(self) -> bool:
                return True

            def readinto(self, buffer) -> int:
                self.part = self.part or next(self.parts, b"")
                given, self.part = self.part[: len(buffer)], self.part[len(buffer) :]
                buffer[: len(given)] = given
                return len(given)

        tracemalloc.start()
        try:
            records = read(Long())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 6 * xml.MAX_ARTICLE
        assert "more than 16 MiB" in str(records[0])
        assert publication(records[1]).pmid == "1"


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_damage_to_a_file_is_a_crash(data):
    """Bytes are changed, cut out and doubled: records or SourceErrors come out, and what comes out can be emitted."""
    text = bytearray(article_set(XML, article(pmid="2")))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=6), st.sampled_from([b"<", b"&", b"]]>", b"<PubmedArticle>", b"<!--", b"\x00"])
            )
        )
    for record in read(bytes(text)):
        if isinstance(record, Study):
            emit(record)
        elif isinstance(record, Article):
            emit_article(record)
        else:
            assert isinstance(record, SourceError | Deleted)


def test_a_second_pmid_that_is_none_does_not_take_the_place_of_the_first():
    found = only(article(pmid="1").replace("</PMID>", '</PMID><PMID Version="1">(</PMID>', 1))
    assert (found.publication if isinstance(found, Article) else found).pmid == "1"


def test_what_the_parser_says_is_one_line_of_bounded_length():
    broken = article(pmid="1").replace("<PMID", f"<{'x' * 5000}>\0</y><PMID", 1)
    (error,) = read(article_set(broken))
    assert isinstance(error, SourceError)
    assert "\n" not in str(error) and len(str(error)) < 300
