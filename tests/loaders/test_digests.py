"""A digest is found where it is, and nothing else is."""

import pickle
from hashlib import sha256

from loaders.digests import Digests


def test_every_digest_is_found_and_no_other_one() -> None:
    given = sorted(sha256(b"%d" % number).digest() for number in range(100))
    digests = pickle.loads(pickle.dumps(Digests.of_sorted(given)))
    assert len(digests) == 100
    assert all(digest in digests for digest in given)
    assert not any(sha256(b"%d" % number).digest() in digests for number in range(100, 200))
    assert bytes(32) not in digests
    assert b"\xff" * 32 not in digests


def test_nothing_is_among_no_digests() -> None:
    assert bytes(32) not in Digests()
