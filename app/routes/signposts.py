"""Link headers that lead machines from a page to what it is about (FAIR Signposting Profile, signposting.org/FAIR)."""

from collections.abc import Iterable

__all__ = ["signposts"]


def signposts(
    iri: str,
    types: Iterable[str],
    *,
    described_by: Iterable[tuple[str, str]] = (),
    items: Iterable[tuple[str, str]] = (),
    collection: str = "",
    license: str | None = None,
) -> str:
    """Return the value of a Link header: what to cite, what it is, and where its metadata and contents are.

    `described_by` and `items` have addresses and media types.
    """
    links = [f'<{iri}>; rel="cite-as"', *(f'<{each}>; rel="type"' for each in types)]
    links += [f'<{address}>; rel="describedby"; type="{media_type}"' for address, media_type in described_by]
    links += [f'<{address}>; rel="item"; type="{media_type}"' for address, media_type in items]
    if collection:
        links.append(f'<{collection}>; rel="collection"')
    if license:
        links.append(f'<{license}>; rel="license"')
    return ", ".join(links)
