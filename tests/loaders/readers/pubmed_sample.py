"""A made-up article in both of PubMed's formats, and what is needed to make others."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from loaders.errors import SourceError
from loaders.readers import pubmed
from loaders.record import Article, Deleted, Publication, Study

__all__ = ["MEDLINE", "XML", "article", "article_set", "only", "publication", "read"]

XML = """
<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM" IndexingMethod="Curated">
    <PMID Version="2">99000001</PMID>
    <DateRevised><Year>2021</Year><Month>03</Month><Day>09</Day></DateRevised>
    <Article PubModel="Print-Electronic">
      <Journal>
        <ISSN IssnType="Electronic">1234-567X</ISSN>
        <JournalIssue CitedMedium="Internet">
          <Volume>12</Volume><Issue>3</Issue>
          <PubDate><Year>2020</Year><Month>Sep</Month></PubDate>
        </JournalIssue>
        <Title>Journal of made-up medicine</Title><ISOAbbreviation>J Made Up Med</ISOAbbreviation>
      </Journal>
      <ArticleTitle>Sunshine in a made-up disease: a trial.</ArticleTitle>
      <Pagination><StartPage>100</StartPage><EndPage>110</EndPage><MedlinePgn>100-10</MedlinePgn></Pagination>
      <ELocationID EIdType="pii" ValidYN="Y">S1234-5</ELocationID>
      <ELocationID EIdType="doi" ValidYN="Y">10.1234/Sunshine.1</ELocationID>
      <Abstract>
        <AbstractText Label="OBJECTIVE" NlmCategory="OBJECTIVE">To see whether sunshine helps.</AbstractText>
        <AbstractText Label="RESULTS" NlmCategory="RESULTS">Of 12 people 9 felt better.</AbstractText>
        <CopyrightInformation>Nobody.</CopyrightInformation>
      </Abstract>
      <AuthorList CompleteYN="Y">
        <Author ValidYN="Y"><LastName>Example</LastName><ForeName>Ada B</ForeName><Initials>AB</Initials>
          <Identifier Source="ORCID">0000-0002-1825-0097</Identifier>
          <AffiliationInfo><Affiliation>A place, ada@example.org</Affiliation></AffiliationInfo></Author>
        <Author ValidYN="Y"><LastName>Sample</LastName><ForeName>Bo</ForeName><Initials>B</Initials>
          <Suffix>Jr</Suffix></Author>
        <Author ValidYN="Y"><CollectiveName>Sunshine Group</CollectiveName></Author>
      </AuthorList>
      <DataBankList CompleteYN="Y"><DataBank><DataBankName>ClinicalTrials.gov</DataBankName>
        <AccessionNumberList><AccessionNumber>NCT00000001</AccessionNumber></AccessionNumberList>
      </DataBank></DataBankList>
      <GrantList CompleteYN="Y"><Grant><GrantID>R01 XY123</GrantID><Acronym>XY</Acronym>
        <Agency>NIXY NIH HHS</Agency><Country>United States</Country></Grant></GrantList>
      <PublicationTypeList>
        <PublicationType UI="D016428">Journal Article</PublicationType>
        <PublicationType UI="D016449">Randomized Controlled Trial</PublicationType>
      </PublicationTypeList>
      <ArticleDate DateType="Electronic"><Year>2020</Year><Month>08</Month><Day>31</Day></ArticleDate>
    </Article>
    <ChemicalList><Chemical><RegistryNumber>0</RegistryNumber>
      <NameOfSubstance UI="D019782">Riluzole</NameOfSubstance></Chemical></ChemicalList>
    <SupplMeshList><SupplMeshName Type="Disease" UI="C536408">Made-up</SupplMeshName></SupplMeshList>
    <CommentsCorrectionsList>
      <CommentsCorrections RefType="RetractionIn"><RefSource>J. 2022</RefSource><PMID>99000010</PMID>
      </CommentsCorrections>
      <CommentsCorrections RefType="ErratumIn"><RefSource>J. 2021</RefSource><PMID>99000011</PMID></CommentsCorrections>
      <CommentsCorrections RefType="CommentIn"><RefSource>J. 2021</RefSource><PMID>99000012</PMID></CommentsCorrections>
    </CommentsCorrectionsList>
    <MeshHeadingList>
      <MeshHeading><DescriptorName UI="D000690" MajorTopicYN="N">Amyotrophic Lateral Sclerosis</DescriptorName>
        <QualifierName UI="Q000628" MajorTopicYN="Y">therapy</QualifierName></MeshHeading>
      <MeshHeading><DescriptorName UI="D006801" MajorTopicYN="N">Humans</DescriptorName></MeshHeading>
    </MeshHeadingList>
    <KeywordList Owner="NOTNLM"><Keyword MajorTopicYN="Y">sunshine</Keyword><Keyword>light</Keyword></KeywordList>
    <CoiStatement>Nothing to declare.</CoiStatement>
  </MedlineCitation>
  <PubmedData>
    <History>
      <PubMedPubDate PubStatus="received"><Year>2020</Year><Month>1</Month><Day>7</Day></PubMedPubDate>
      <PubMedPubDate PubStatus="pubmed"><Year>2020</Year><Month>9</Month><Day>1</Day><Hour>6</Hour></PubMedPubDate>
    </History>
    <ArticleIdList>
      <ArticleId IdType="pubmed">99000001</ArticleId><ArticleId IdType="pmc">PMC9900001</ArticleId>
      <ArticleId IdType="doi">10.1234/Sunshine.1</ArticleId>
    </ArticleIdList>
    <ReferenceList>
      <Reference><Citation>A.</Citation><ArticleIdList>
        <ArticleId IdType="doi">10.1234/cited.1</ArticleId><ArticleId IdType="pubmed">99000020</ArticleId>
      </ArticleIdList></Reference>
      <Reference><Citation>B.</Citation><ArticleIdList>
        <ArticleId IdType="doi">10.1234/Cited.2</ArticleId></ArticleIdList></Reference>
    </ReferenceList>
  </PubmedData>
</PubmedArticle>
"""

MEDLINE = """\
PMID- 99000001
OWN - NLM
STAT- MEDLINE
LR  - 20210309
IS  - 1234-567X (Electronic)
IS  - 1234-5678 (Linking)
VI  - 12
IP  - 3
DP  - 2020 Sep
TI  - Sunshine in a made-up
      disease: a trial.
PG  - 100-10
LID - S1234-5 [pii]
LID - 10.1234/Sunshine.1 [doi]
AB  - OBJECTIVE: To see whether sunshine
      helps. RESULTS: Of 12 people 9 felt better.
CI  - Nobody.
FAU - Example, Ada B
AU  - Example AB
AUID- ORCID: 0000-0002-1825-0097
AD  - A place, ada@example.org
FAU - Sample, Bo Jr
AU  - Sample B Jr
CN  - Sunshine Group
LA  - eng
SI  - ClinicalTrials.gov/NCT00000001
GR  - R01 XY123/XY/NIXY NIH HHS/United States
PT  - Journal Article
PT  - Randomized Controlled Trial
DEP - 20200831
TA  - J Made Up Med
JT  - Journal of made-up medicine
RN  - 7LJ087RS6F (Riluzole)
MH  - Amyotrophic Lateral Sclerosis/*therapy
MH  - Humans
RIN - J. 2022;1:1. PMID: 99000010
EIN - J. 2021;2:2. PMID: 99000011
PMC - PMC9900001
COIS- Nothing to declare.
OTO - NOTNLM
OT  - *sunshine
OT  - light
PHST- 2020/01/07 00:00 [received]
PHST- 2020/09/01 06:00 [pubmed]
AID - 10.1234/Sunshine.1 [doi]
SO  - J Made Up Med. 2020 Sep;12(3):100-10.
"""

Record = Study | Article | Deleted | SourceError


def article_set(*articles: str) -> bytes:
    body = "\n".join(articles)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<PubmedArticleSet>\n{body}\n</PubmedArticleSet>\n'.encode()


def article(inside: str = "", types: str = "Journal Article", pmid: str = "1", after: str = "", data: str = "") -> str:
    """Return an article with these elements inside Article, after Article, and in PubmedData."""
    listed = "".join(f"<PublicationType>{kind}</PublicationType>" for kind in types.split("|"))
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{pmid}</PMID><Article>{inside}'
        f"<PublicationTypeList>{listed}</PublicationTypeList></Article>{after}</MedlineCitation>"
        f"<PubmedData>{data}</PubmedData></PubmedArticle>"
    )


def read(data: bytes | str | BytesIO, name: str = "made-up.xml") -> list[Any]:
    return list(_read(data.encode() if isinstance(data, str) else data, name))


def _read(data: bytes | BytesIO, name: str) -> Iterator[Record]:
    return pubmed.read(data, name)


def only(data: bytes | str, name: str = "made-up.xml") -> Any:
    (record,) = read(data, name)
    return record


def publication(record: Any) -> Publication:
    return record.publication if isinstance(record, Article) else record.publications[0]
