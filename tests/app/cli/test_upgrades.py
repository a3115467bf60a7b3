"""A client that offers another protocol is answered as if it had not, however its request arrives."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from app.cli.upgrades import Upgrades

HEAD = b"POST /sparql HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nX-Upgrade: no\r\nuPGRADE:websocket\r\nUpgraded: no\r\n\r\n"
SEEN = b"POST /sparql HTTP/1.1\r\nHost: a\r\nX-Upgrade: no\r\nUpgraded: no\r\n\r\n"
BODY = b"query=ASK{}\r\nUpgrade: in the body\r\n\r\n"


@given(st.lists(st.integers(1, len(HEAD) - 1)))
@example([])
@example(list(range(1, len(HEAD))))
def test_an_offer_is_taken_out_wherever_the_head_is_cut(cuts: list[int]) -> None:
    upgrades = Upgrades()
    places = [0, *sorted(set(cuts)), len(HEAD) + len(BODY)]
    pieces = [(HEAD + BODY)[start:end] for start, end in pairwise(places)]
    assert b"".join(map(upgrades.removed, pieces)) == SEEN + BODY


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"U", b"upgrade", b":", b"x", b"GET / HTTP/1.1"])))
def test_nothing_else_is_lost(pieces: list[bytes]) -> None:
    upgrades = Upgrades()
    sent, passed = b"".join(pieces), b"".join(map(upgrades.removed, pieces))
    if b"upgrade:" not in sent:
        assert sent.startswith(passed)
        head, end, _ = sent.partition(b"\r\n\r\n")
        assert passed.startswith(head + end) or not end
