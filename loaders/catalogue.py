"""What is stored already, and under which key: so that the same study meets itself, whatever brought it.

Sources name a study by different identifiers. A page prints a DOI, a registry an NCT id, a curated record both and a
PubMed id too. A shared identifier is identity, in any order of loading: `Catalogue.identify` answers which key a record
goes under and which keys it replaces. Publications meet in the same way, by PubMed id or DOI.

Two studies with different NCT ids are never merged, even when one article reports both. An article that reports no
study goes under the key of its publication, and makes no study known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from loaders.digests import Digests
from loaders.emit import GRAPH_NAMES, Identity, graph_iri
from loaders.link.identifiers import publication_key, segment, study_key
from loaders.record import Article, Study
from loaders.shelf import Several, Shelf

__all__ = ["Catalogue", "Identification", "Identifiers", "StoredGraph", "document_key"]

Identifier = tuple[str, str]
"""A kind of identifier and its value: ("nct", "NCT01363401"), ("pmid", "30048006"), ("doi", "10.1002/ana.25302")."""


@dataclass(frozen=True, slots=True)
class StoredGraph:
    """An assertion graph that is in the store: the key of its study, its document, and what it was made from."""

    study: str
    document: str
    sha256: str
    loader_version: str


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a record is known by, which is all that identifying needs: much less than the record, so it travels well.

    `publications` are the (PubMed id, DOI) of its publications, in order; `is_study` is False for an article alone.
    """

    is_study: bool
    nct: str | None = None
    pmid: str | None = None
    doi: str | None = None
    publications: tuple[tuple[str | None, str | None], ...] = ()

    @classmethod
    def of(cls, record: Study | Article) -> "Identifiers":
        """Return the identifiers of a record."""
        if isinstance(record, Article):
            return cls(False, publications=((record.publication.pmid, record.publication.doi),))
        publications = tuple((publication.pmid, publication.doi) for publication in record.publications)
        return cls(True, record.nct, record.pmid, record.doi, publications)


@dataclass(frozen=True, slots=True)
class Identification:
    """Where a record belongs. `moved_studies` and `moved_publications` map stored keys to the keys that replace them.

    `study_aliases` maps the other keys that the record's identifiers make to the key they lead to, whichever source
    came first, or to None where several studies share the identifier, so that it can lead to none of them.
    """

    identity: Identity
    moved_studies: Mapping[str, str]
    moved_publications: Mapping[str, str]
    study_aliases: Mapping[str, str | None]
    publication_aliases: Mapping[str, str]


class _Names:
    """Which identifiers lead to which keys, and back."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self._keys = Several(shelf, f"{name}_keys")
        self._identifiers = Several(shelf, f"{name}_identifiers")

    def keys(self, identifier: Identifier) -> list[str]:
        return self._keys.of(" ".join(identifier))

    def identifiers(self, key: str) -> list[Identifier]:
        return [_identifier(text) for text in self._identifiers.of(key)]

    def add(self, key: str, identifiers: Iterable[Identifier]) -> None:
        for identifier in identifiers:
            self._keys.add(" ".join(identifier), key)
            self._identifiers.add(key, " ".join(identifier))

    def matches(self, identifiers: Iterable[Identifier]) -> set[str]:
        return {key for identifier in identifiers for key in self.keys(identifier)}

    def merge(self, old: str, new: str) -> None:
        for identifier in self.identifiers(old):
            self._identifiers.discard(old, " ".join(identifier))
            self._keys.discard(" ".join(identifier), old)
            self.add(new, [identifier])


class _Graphs(Mapping[str, StoredGraph]):
    """The assertion graphs that are stored, and which of them hold what."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        shelf.run(
            "CREATE TABLE graphs "
            "(graph TEXT PRIMARY KEY, kind TEXT, study TEXT, document TEXT, sha256 TEXT, loader TEXT) WITHOUT ROWID"
        )
        for columns in ("study", "document, kind", "loader, sha256"):
            shelf.run(f"CREATE INDEX by_{columns.partition(',')[0]} ON graphs ({columns})")

    def __getitem__(self, graph: str) -> StoredGraph:
        rows = self._shelf.run("SELECT study, document, sha256, loader FROM graphs WHERE graph = ?", graph)
        if not rows:
            raise KeyError(graph)
        study, document, sha256, loader = rows[0]
        return StoredGraph(study, document, sha256, loader)

    def __iter__(self) -> Iterator[str]:
        return (graph for (graph,) in self._shelf.stream("SELECT graph FROM graphs"))

    def __len__(self) -> int:
        return int(self._shelf.run("SELECT COUNT(*) FROM graphs")[0][0])

    def put(self, graph: str, stored: StoredGraph) -> None:
        kind = _kind(graph) if stored.document else ""
        values = (graph, kind, stored.study, stored.document, stored.sha256, stored.loader_version)
        self._shelf.run("INSERT OR REPLACE INTO graphs VALUES (?, ?, ?, ?, ?, ?)", *values)

    def drop(self, graph: str) -> None:
        self._shelf.run("DELETE FROM graphs WHERE graph = ?", graph)

    def about(self, study: str) -> list[str]:
        return [graph for (graph,) in self._shelf.run("SELECT graph FROM graphs WHERE study = ? ORDER BY graph", study)]

    def of(self, kind: str, document: str) -> list[str]:
        query = "SELECT graph FROM graphs WHERE document = ? AND kind = ? ORDER BY graph"
        return [graph for (graph,) in self._shelf.run(query, document, kind)]

    def has(self, sha256: str, loader: str) -> bool:
        query = "SELECT 1 FROM graphs WHERE loader = ? AND sha256 = ? LIMIT 1"
        return bool(self._shelf.run(query, loader, sha256))

    def digests(self, loader: str) -> Iterator[bytes]:
        query = "SELECT DISTINCT sha256 FROM graphs WHERE loader = ? ORDER BY sha256"
        return (bytes.fromhex(digest) for (digest,) in self._shelf.stream(query, loader))


def document_key(record: Study | Article) -> str:
    """Return what tells this document from others of its kind about the same study: its site and its article.

    A new version of the same page or file has the same key and replaces the old one; another page does not. The record
    of a registry is known by the study's id there, whatever articles it lists.
    """
    if isinstance(record, Study) and record.source and record.source.kind == "CTGOV":
        return record.nct or ""
    publications = Identifiers.of(record).publications
    article = publication_key(*publications[0]) if publications else None
    url = record.page.url if isinstance(record, Study) and record.page else None
    site = url.split("/")[2] if url and "://" in url else None
    return "/".join(part for part in (site, article) if part)


class Catalogue:
    """The keys of all stored studies, publications and assertion graphs, on a shelf."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        """Begin with nothing. Without a shelf, it has one of its own."""
        shelf = shelf or Shelf()
        self._graphs = _Graphs(shelf)
        self._studies = _Names(shelf, "studies")
        self._publications = _Names(shelf, "publications")

    @property
    def graphs(self) -> Mapping[str, StoredGraph]:
        """The assertion graphs by their IRIs."""
        return self._graphs

    def add_graph(self, graph: str, stored: StoredGraph) -> None:
        """Note that an assertion graph is stored, in place of an earlier version of it."""
        self._graphs.put(graph, stored)

    def drop_graph(self, graph: str) -> None:
        """Note that an assertion graph is not stored any more."""
        self._graphs.drop(graph)

    def graphs_from(self, kind: str, document: str) -> list[str]:
        """Return the IRIs of the graphs that hold what a document says: more than one while it changes its study."""
        return self._graphs.of(kind, document)

    def add_study(self, key: str, identifiers: Iterable[Identifier]) -> None:
        """Note that a study with these identifiers is stored under this key."""
        self._studies.add(key, identifiers)

    def add_publication(self, key: str, identifiers: Iterable[Identifier]) -> None:
        """Note that a publication with these identifiers is stored under this key."""
        self._publications.add(key, identifiers)

    def graphs_of(self, study: str) -> list[str]:
        """Return the IRIs of the assertion graphs about a study, sorted."""
        return self._graphs.about(study)

    def has(self, sha256: str, loader_version: str) -> bool:
        """Say whether a document with these bytes was loaded by this version of the loaders."""
        return self._graphs.has(sha256, loader_version)

    def loaded_by(self, loader_version: str) -> Digests:
        """Return the SHA-256 digests of all documents that this version of the loaders has loaded."""
        return Digests.of_sorted(self._graphs.digests(loader_version))

    def identify(self, record: Study | Article | Identifiers) -> Identification:
        """Return the key a record goes under, and what has to move there. The catalogue itself does not change.

        Raises ValueError when the record has no identifier at all.
        """
        given = record if isinstance(record, Identifiers) else Identifiers.of(record)
        moved: dict[str, str] = {}
        aliases: dict[str, str] = {}
        for pmid, doi in given.publications:
            self._identify_publication(pmid, doi, moved, aliases)
        if given.is_study:
            return self._identify_study(given, moved, aliases)
        own = publication_key(*given.publications[0])
        if own is None:
            raise ValueError("the article has no PubMed id and no DOI, so it cannot be given an IRI")
        known = {**moved, **aliases}
        return Identification(Identity(known.get(own, own), known), {}, moved, {}, aliases)

    def _identify_study(
        self, study: Identifiers, moved: Mapping[str, str], aliases: Mapping[str, str]
    ) -> Identification:
        matches = self._study_matches(study)
        known = set(_study_identifiers(study)).union(*(self._studies.identifiers(key) for key in matches))
        key = study_key(*(_best(known, kind) for kind in ("nct", "pmid", "doi")))
        if key is None:
            raise ValueError("the study has no NCT id, no PubMed id and no DOI, so it cannot be given an IRI")
        moved_studies = {match: key for match in sorted(matches) if match != key}
        return Identification(
            identity=Identity(key, {**moved, **aliases}),
            moved_studies=moved_studies,
            moved_publications=moved,
            study_aliases=self._study_aliases(study, key, moved_studies),
            publication_aliases=aliases,
        )

    def place(self, study: str, kind: str, document: str) -> str:
        """Return the graph for a document: the plain one of its source kind, unless another document lives there."""
        plain = graph_iri(study, kind)
        stored = self.graphs.get(plain)
        return plain if stored is None or stored.document == document else f"{plain}/{segment(document)}"

    def note(
        self,
        record: Study | Article | Identifiers,
        identification: Identification,
        graph: str,
        stored: StoredGraph,
    ) -> None:
        """Note that a record was stored, so that the next one meets it."""
        given = record if isinstance(record, Identifiers) else Identifiers.of(record)
        for old, new in identification.moved_studies.items():
            self._studies.merge(old, new)
        for old, new in identification.moved_publications.items():
            self._publications.merge(old, new)
        if given.is_study:
            self._studies.add(identification.identity.study, _study_identifiers(given))
        for pmid, doi in given.publications:
            key = publication_key(pmid, doi)
            if key:
                key = identification.identity.publications.get(key, key)
                self._publications.add(key, _publication_identifiers(pmid, doi))
        self.add_graph(graph, stored)

    def move(self, graph: str, study: str) -> str:
        """Note that an assertion graph moves to another study's key, and return its new IRI."""
        stored = self.graphs[graph]
        self.drop_graph(graph)
        new = self.place(study, _kind(graph), stored.document)
        self.add_graph(new, StoredGraph(study, stored.document, stored.sha256, stored.loader_version))
        return new

    def _study_aliases(self, study: Identifiers, key: str, moved: Mapping[str, str]) -> dict[str, str | None]:
        aliases: dict[str, str | None] = {}
        for identifier in _study_identifiers(study):
            alias = study_key(**{"nct": None, "pmid": None, "doi": None, **dict([identifier])})
            others = set(self._studies.keys(identifier)) - {key} - set(moved)
            if alias and alias != key:
                aliases[alias] = None if others else key
        return aliases

    def _study_matches(self, study: Identifiers) -> set[str]:
        matches = self._studies.matches(_study_identifiers(study))
        registered = {key: _best(self._studies.identifiers(key), "nct") for key in matches}
        if study.nct:
            return {key for key, nct in registered.items() if nct in {None, study.nct}}
        # An article that several registered studies share does not say which of them a page about it means.
        if len({nct for nct in registered.values() if nct}) > 1:
            return {key for key, nct in registered.items() if nct is None}
        return matches

    def _identify_publication(
        self, pmid: str | None, doi: str | None, moved: dict[str, str], aliases: dict[str, str]
    ) -> None:
        own = publication_key(pmid, doi)
        if own is None:
            return
        matches = self._publications.matches(_publication_identifiers(pmid, doi))
        known = set(_publication_identifiers(pmid, doi))
        known = known.union(*(self._publications.identifiers(match) for match in matches))
        key = publication_key(_best(known, "pmid"), _best(known, "doi")) or own
        moved.update({match: key for match in matches if match != key})
        given = publication_key(None, doi)
        aliases.update({alias: key for alias in (own, given) if alias and alias != key})


def _identifier(text: str) -> Identifier:
    kind, _, value = text.partition(" ")
    return kind, value


def _kind(graph: str) -> str:
    """Return the source kind of an assertion graph, which its IRI names."""
    name = graph.split("/graph/")[1].split("/")[1]
    return next(kind for kind, known in GRAPH_NAMES.items() if known == name)


def _best(identifiers: Iterable[Identifier], kind: str) -> str | None:
    """Return the identifier of a kind; the smallest when sources give several, so that load order does not matter."""
    return min((value for name, value in identifiers if name == kind), default=None)


def _study_identifiers(study: Identifiers) -> list[Identifier]:
    given = (("nct", study.nct), ("pmid", study.pmid), ("doi", study.doi and study.doi.lower()))
    return [(kind, value) for kind, value in given if value]


def _publication_identifiers(pmid: str | None, doi: str | None) -> list[Identifier]:
    given = (("pmid", pmid), ("doi", doi and doi.lower()))
    return [(kind, value) for kind, value in given if value]
