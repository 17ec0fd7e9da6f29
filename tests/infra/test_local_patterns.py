"""Which event matches a pattern, as EventBridge and Lambda's filters say."""

from typing import Any

import pytest

from infra.local.patterns import checked, matches
from infra.local.template import TemplateError

EVENT = {
    "source": "a",
    "resources": ["one", "two"],
    "detail": {
        "n": 1,
        "yes": True,
        "no": None,
        "text": "1",
        "findings": [{"x": 1}, {"y": {"z": 2}}],
    },
}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"source": ["a"]}, True),
        ({"source": ["b", "a"]}, True),
        ({"source": ["A"]}, False),
        ({"source": ["a"], "detail": {"n": [2]}}, False),
        ({"resources": ["two"]}, True),
        ({"resources": ["three"]}, False),
        ({"detail": {"n": [1]}}, True),
        ({"detail": {"n": ["1"]}}, False),
        ({"detail": {"n": [True]}}, False),
        ({"detail": {"yes": [True]}}, True),
        ({"detail": {"yes": [1]}}, False),
        ({"detail": {"no": [None]}}, True),
        ({"detail": {"missing": [None]}}, False),
        ({"detail": {"n": {"deeper": [1]}}}, False),
        ({"source": {"deeper": [{"exists": False}]}}, True),
        ({"detail": {"findings": {"x": [1]}}}, True),
        ({"detail": {"findings": {"y": {"z": [2]}}}}, True),
        ({"detail": {"findings": {"y": {"z": [3]}}}}, False),
        ({"detail": {"n": [{"exists": True}]}}, True),
        ({"detail": {"n": [{"exists": False}]}}, False),
        ({"detail": {"missing": [{"exists": False}]}}, True),
        ({"detail": {"missing": [{"exists": True}]}}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"detail": {"no": [{"exists": True}]}}, True),
    ],
)
def test_an_event_matches_where_all_that_is_named_is_there(
    pattern: dict[str, Any], *, fits: bool
) -> None:
    assert matches(checked(pattern), EVENT) == fits


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": []},
        {"source": "a"},
        {"source": [{"prefix": "a"}]},
        {"source": [{"exists": "yes"}]},
        {"detail": {"n": [{"numeric": [">", 0]}]}},
        {"detail": {"n": [["a"]]}},
        {"$or": [{"source": ["a"]}, {"source": ["b"]}]},
    ],
)
def test_what_is_not_supported_is_refused_and_not_guessed(pattern: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="event pattern"):
        checked(pattern)
