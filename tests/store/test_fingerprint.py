"""A fingerprint tells whether two stores hold the same, however they hold it."""

import pyoxigraph as ox
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.fingerprint import Fingerprint, fingerprint

_NAMES = st.sampled_from([ox.NamedNode(f"http://example.org/{name}") for name in "abcd"])
_QUADS = st.builds(ox.Quad, _NAMES, _NAMES, _NAMES | st.text(max_size=3).map(ox.Literal), _NAMES)
_STORES = st.lists(_QUADS, max_size=12, unique=True)


@settings(max_examples=40, deadline=None)
@given(_STORES, st.randoms())
def test_the_order_of_quads_does_not_matter(quads, random):
    shuffled = random.sample(quads, len(quads))
    assert fingerprint(shuffled) == fingerprint(quads)


@settings(max_examples=40, deadline=None)
@given(_STORES, st.integers(0, 12))
def test_the_fingerprints_of_parts_add_up(quads, cut):
    assert fingerprint(quads[:cut]) + fingerprint(quads[cut:]) == fingerprint(quads)


@settings(max_examples=40, deadline=None)
@given(_STORES, _STORES)
def test_other_quads_have_another_fingerprint(quads, others):
    assert (fingerprint(quads) == fingerprint(others)) == (set(quads) == set(others))


def test_the_graph_of_a_quad_counts():
    a, b = (ox.NamedNode(f"http://example.org/{name}") for name in "ab")
    assert fingerprint([ox.Quad(a, a, a, a)]) != fingerprint([ox.Quad(a, a, a, b)])


def test_nothing_is_zero():
    assert fingerprint([]) == Fingerprint() and Fingerprint().hex == "0" * 32
