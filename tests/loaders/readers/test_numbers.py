"""What can be read out of the texts in which registries print numbers, and what is left as text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.readers.numbers import age, count, duration, number, p_value, time_offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", "12"), ("-3.40", "-3.40"), (".009", "0.009"), ("118.", "118"), ("12,345", "12345"),
        ("1,234,567.5", "1234567.5"), (" 7 ", "7"), ("1.2E-5", "0.000012"), ("−0.5", "-0.5"), ("+4", "4"),
        ("NA", None), ("<0.001", None), ("&lt;0.001", None), ("1,5", None), ("12,34", None), ("1e999", None),
        ("", None), ("NaN", None), ("Infinity", None), ("1_000", None), ("١٢", None), ("12 (3)", None),
        ("1" * 100, None),
    ],
)  # fmt: skip
def test_numbers(text, expected):
    assert number(text) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("1,204", 1204), ("3.0", 3), ("3.5", None), ("-1", None), ("NA", None)],
)
def test_counts(text, expected):
    assert count(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.247", ("=", "0.247")), ("=0.247", ("=", "0.247")), ("<0.001", ("<", "0.001")), ("< .0001", ("<", "0.0001")),
        ("&lt; 0.0001", ("<", "0.0001")), ("&lt;.0001", ("<", "0.0001")), ("≤0.05", ("<=", "0.05")),
        (">=0.5", (">=", "0.5")), ("P = 0.03", ("=", "0.03")), ("p<0.05", ("<", "0.05")), ("1.0", ("=", "1.0")),
        ("NA", None), ("not significant", None), ("0.05, 0.06", None), ("<", None), ("", None),
    ],
)  # fmt: skip
def test_p_values(text, expected):
    assert p_value(text) == (expected and (expected[0], Decimal(expected[1])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18 Years", ("18", "a")), ("1 Year", ("1", "a")), ("6 Months", ("6", "mo")), ("2 Weeks", ("2", "wk")),
        ("28 Days", ("28", "d")), ("12 Hours", ("12", "h")), ("30 Minutes", ("30", "min")), ("N/A", None), ("18", None),
    ],
)  # fmt: skip
def test_ages(text, expected):
    assert age(text) == (expected and (Decimal(expected[0]), expected[1]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12 Months", "P12M"), ("2 Weeks", "P14D"), ("1 Year", "P1Y"), ("1.5 Years", None), ("", None)],
)
def test_durations(text, expected):
    assert duration(text) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Week 24", "P168D"), ("6 months", "P6M"), ("Month 12", "P12M"), ("1 year", "P1Y"), ("Day 29", "P29D"),
        ("24-hour", "PT24H"), ("Week 4 (N=112)", "P28D"),
        ("Change from Baseline to Week 16 (n=167, 146, 101)", "P112D"),
        ("Follow-up at 12 weeks", "P84D"), ("Post-treatment at 8 weeks", "P56D"), ("Change at Week 12", "P84D"),
        # A score, a count, a range or two times is no time of the row.
        ("Fact-B 3-month Total Score", None), ("Neonatal hospitalization >3 days", None), ("<= day 4", None),
        ("Dyspnoea, Week 6", None), ("Cycle 1 Day 15", None), ("5-6 seconds", None), ("Baseline", None), ("Pre", None),
        ("Responder at Week 8 / Responder at Week 14", None), ("Day 1 (Post-application)", None),
        ("2 hour glucose", None),        ("Week 6 LOCF (N=112)", None), ("Month 3.5", None), ("", None),
    ],
)  # fmt: skip
def test_titles_that_read_like_a_time(title, expected):
    assert time_offset(title) == expected


@given(st.text(max_size=60))
def test_no_text_makes_them_fail(text):
    for function in (number, count, p_value, age, duration, time_offset):
        function(text)
