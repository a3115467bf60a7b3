"""How fast a PubMed baseline file becomes a published generation, and where the time goes.

Run with `python -m bench.literature [FOLDER] [ARTICLES]`: FOLDER has PubMed articles as XML files, which are multiplied
to ARTICLES under fresh ids and written as NLM does it, one set in a gzip file. A tenth of them is loaded first: the
figures show whether time grows as the work does, and memory does not. What each further article takes, stage by stage,
is the difference of the two, in which what starting takes is not counted.
"""

import gzip
import re
import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.registry import HEADER, STAGES, growth, measure

_ARTICLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "pubmed"
_ARTICLE = re.compile(rb"<PubmedArticle>.*?</PubmedArticle>", re.DOTALL)
_PMID = re.compile(rb"(<PubmedArticle>\s*<MedlineCitation[^>]*>\s*<PMID[^>]*>)[0-9]+|(IdType=\"pubmed\">)[0-9]+")
_DOI = re.compile(rb"(IdType=\"doi\">|EIdType=\"doi\"[^>]*>)10[.]")
_NCT = re.compile(rb"NCT([0-9]{8})")
_SET = (b'<?xml version="1.0" encoding="utf-8"?>\n<PubmedArticleSet>\n', b"</PubmedArticleSet>\n")


def main() -> None:
    """Print the figures of a tenth of the articles and of all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _ARTICLES
    articles = int(sys.argv[2]) if len(sys.argv) > 2 else 40_000
    print(HEADER)
    with TemporaryDirectory() as scratch:
        few, many = Path(scratch) / "few.xml.gz", Path(scratch) / "many.xml.gz"
        _write(folder, articles // 10, few)
        _write(folder, articles, many)
        tenth, whole = measure(few, 2), measure(many, 2)
    print(f"10 times the work {growth(tenth, whole)}; {articles / whole['total']:,.0f} articles/s")
    more = whole["records"] - tenth["records"]
    each = {stage: (whole[stage] - tenth[stage]) / more * 1000 for stage in STAGES}
    stages = ", ".join(f"{stage} {took:.2f}" for stage, took in each.items())
    print(f"each further article takes {sum(each.values()):.2f} ms of processor time: {stages}")


def _write(folder: Path, number: int, target: Path) -> None:
    with gzip.open(target, "wb", 6) as output:
        output.write(_SET[0])
        output.writelines(islice(_fresh(folder), number))
        output.write(_SET[1])


def _fresh(folder: Path) -> Iterator[bytes]:
    """Yield articles without end, each with a PubMed id, a DOI and registered studies of its own."""
    found = [article for path in sorted(folder.rglob("*.xml")) for article in _ARTICLE.findall(path.read_bytes())]
    if not found:
        raise SystemExit(f"{folder} has no PubMed articles as XML")
    for number in count():
        article, references, rest = found[number % len(found)].partition(b"<ReferenceList>")
        yield _renamed(article, number, number // len(found)) + references + rest + b"\n"


def _renamed(article: bytes, number: int, copy: int) -> bytes:
    article = _PMID.sub(lambda match: (match[1] or match[2]) + b"%d" % (50_000_000 + number), article)
    article = _NCT.sub(lambda match: b"NCT%08d" % ((int(match[1]) + 1_003 * copy) % 10**8), article)
    return _DOI.sub(rb"\g<1>10.5555/%d." % number, article)


if __name__ == "__main__":
    main()
