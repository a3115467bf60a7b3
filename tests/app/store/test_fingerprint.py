"""A fingerprint depends on what is there and not on the order it comes in."""

from hypothesis import given
from hypothesis import strategies as st

from app.store.fingerprint import fingerprint, total

LINES = [f'<urn:s{n}> <urn:p> "{n} . " <urn:g{n % 3}> .\n'.encode() for n in range(20)]


@given(st.permutations(LINES))
def test_order_does_not_matter(lines: list[bytes]) -> None:
    assert fingerprint(lines) == fingerprint(LINES)


@given(st.sets(st.sampled_from(LINES), max_size=19))
def test_whatever_is_missing_shows(lines: set[bytes]) -> None:
    assert total(fingerprint(lines)) != total(fingerprint(LINES))


def test_each_graph_has_its_own_number_and_sum() -> None:
    found = fingerprint(LINES)
    assert {graph: number for graph, (number, _) in found.items()} == {"urn:g0": 7, "urn:g1": 7, "urn:g2": 6}
    same = fingerprint([line.replace(b"<urn:g1> .", b"<urn:g0> .") for line in LINES])
    assert same["urn:g0"] == (14, (found["urn:g0"][1] + found["urn:g1"][1]) % (1 << 128))
