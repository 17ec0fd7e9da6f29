"""Of all that is wrong with a request, the contract's table says which is told."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.served import PATH, Service

Part = tuple[dict[str, Any], str | None]
"""Some fields, and the code of what is wrong with them."""

# Who may not ask is told that, whatever was sent; then in the order of the table.
ORDER = [
    *("unauthorized", "forbidden", "body_too_large", "invalid_body"),
    *("alias_required", "name_required", "roles_invalid", "field_invalid"),
]
FALSY: list[Any] = [None, "", 0, 0.0, False, [], {}]
LARGE = {"metadata": {"pad": "x" * 16_384}}


def among(good: list[Any], name: str, bad: dict[str, list[Any]]) -> st.SearchStrategy[Part]:
    """Draw a field, good or bad with the code that says so; `...` stands for none."""
    kinds: list[tuple[str | None, list[Any]]] = [(None, good), *bad.items()]
    drawn: list[st.SearchStrategy[Part]] = [
        st.sampled_from([({} if value is ... else {name: value}, code) for value in values])
        for code, values in kinds
        if values
    ]
    return st.one_of(drawn)


ALIAS = among(
    ["order", " order ", 7, -1],
    "alias",
    {
        "alias_required": [..., " \n", *FALSY],
        "field_invalid": [True, 1.5, ["a"], "a\nb", "a" * 129],
    },
)
NAME = among(
    ["Order", " "],
    "name",
    {"name_required": [..., *FALSY], "field_invalid": [True, 1, ["a"], "a" * 257]},
)
ROLES = among(
    [..., [], ["user", "user"]],
    "roles",
    {"roles_invalid": [None, "user", {}, 0, ["root"], [["user"]], [None]]},
)
REST: st.SearchStrategy[Part] = st.one_of(
    st.just(({}, None)),
    among([1, 365], "ttl_days", {"field_invalid": [None, 0, 366, "7", 2.0, True]}),
    among([{}, {"a": "b"}], "metadata", {"field_invalid": [None, [], {"a": 1}, {"a": "x" * 2048}]}),
    among([None], "rotate_every_days", {"field_invalid": [0, 366, "1", True, 1.0]}),
    among([], "role", {"field_invalid": ["user"]}),
)
KEY = among([""], "key", {"field_invalid": [..., None, 5, ["x"]]})
# Beside the form that is right: not JSON by its type, not an object, too large.
FORM = st.sampled_from(["right", "right", "right", "right", "form", "list", "large", "cut"])
WHO = ["admin", "user", "nobody"]
CALLER = st.sampled_from(["admin", "admin", *WHO])


class Asked(NamedTuple):
    """A request: who sends it, what is wrong with its form, and its fields."""

    who: str
    form: str
    parts: tuple[Part, ...]


PATHS = {
    path: st.builds(Asked, CALLER, FORM, parts)
    for path, parts in {
        PATH: st.tuples(ALIAS, NAME, ROLES, REST),
        f"{PATH}/verify": st.tuples(KEY, ROLES),
    }.items()
}


def is_told(service: Service, path: str, asked: Asked) -> None:
    """Send what was drawn, and see that the first of all that is wrong is told."""
    wrong = [code for _, code in asked.parts if code]
    wrong += {"nobody": ["unauthorized"], "user": ["forbidden"], "admin": []}[asked.who]
    fields: dict[str, Any] = {name: it for part, _ in asked.parts for name, it in part.items()}
    if not fields or asked.form in {"form", "list", "cut"}:
        wrong.append("invalid_body")
    if asked.form == "large":
        fields |= LARGE
        wrong.append("body_too_large")
    body = json.dumps([fields] if asked.form == "list" else fields).encode()
    media_type = "text/plain" if asked.form == "form" else "application/json"
    presented = {
        "admin": service.bearer,
        "user": lambda: service.bearer(service.create("in order", roles=["user"])["key"]),
        "nobody": list,
    }[asked.who]()

    answer = service.send(
        "POST",
        path,
        body[:-1] if asked.form == "cut" else body,
        [("Content-Type", media_type), *presented],
    )

    told = None if answer.status in {200, 201} else answer.body["code"]
    assert told == min(wrong, key=ORDER.index, default=None), asked


@pytest.mark.prove
@pytest.mark.parametrize("path", PATHS)
@settings(derandomize=True, max_examples=60)
@given(data=st.data())
def test_the_first_that_applies_is_told(service: Service, path: str, data: st.DataObject) -> None:
    is_told(service, path, data.draw(PATHS[path]))


@pytest.mark.prove
@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=1000)
@given(data=st.data())
def test_the_first_that_applies_is_told_a_thousand_times(
    service: Service, path: str, data: st.DataObject
) -> None:
    is_told(service, path, data.draw(PATHS[path]))
