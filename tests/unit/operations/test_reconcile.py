"""What an LRS may change of a statement, and what it may not (xAPI 1.0.3 Data 2.2)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from percipio_openedx.operations.reconcile import differences, kind_of_verb

OURS: dict[str, Any] = {
    "id": "7ccd3322-e1a5-411a-a67d-6a735c76f119",
    "actor": {"mbox": "mailto:amina@example.com", "name": "Amina Haddad", "objectType": "Agent"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed"}},
    "object": {"id": "course:DemoX+CS101", "definition": {"name": {"en-US": "Cloud"}}, "objectType": "Activity"},
    "result": {"completion": True, "score": {"scaled": 0.9, "min": 0, "max": 100}},
    "context": {"registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7", "platform": "Demo"},
    "timestamp": "2026-02-01T10:00:00.250Z",
}


def read_back(**changes: Any) -> dict[str, Any]:
    """The statement as an LRS hands it out, with changes by path."""
    theirs = copy.deepcopy(OURS)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = theirs
        for parent in parents:
            place = place[parent]
        place[last] = value
    return theirs


@pytest.mark.parametrize(
    "theirs",
    [
        read_back(stored="2026-02-01T10:00:05Z", version="1.0.0", authority={"mbox": "mailto:lrs@example.com"}),
        read_back(timestamp="2026-02-01T11:00:00.250+01:00"),
        read_back(timestamp="2026-02-01T10:00:00.250999Z"),
        read_back(context__registration="EC531277-B57B-4C15-8D91-D292C5B2B8F7"),
        read_back(object__definition={"name": {"en-US": "Another name"}}),
        read_back(verb__display={}),
        read_back(actor__name="A. Haddad"),
        read_back(object={"id": "course:DemoX+CS101"}),
        read_back(result={"score": {"max": 100.0, "min": 0, "scaled": 0.9}, "completion": True}),
    ],
)
def test_what_may_change(theirs: dict[str, Any]) -> None:
    assert differences(OURS, theirs) == []


@pytest.mark.parametrize(
    ("theirs", "parts"),
    [
        (read_back(actor={"mbox": "mailto:other@example.com"}), ["actor"]),
        (read_back(actor={"account": {"homePage": "https://x.example", "name": "1"}}), ["actor"]),
        (read_back(verb__id="http://adlnet.gov/expapi/verbs/passed"), ["verb"]),
        (read_back(object__id="course:DemoX+CS102"), ["object"]),
        (read_back(object={"objectType": "StatementRef", "id": "course:DemoX+CS101"}), ["object"]),
        (read_back(result__completion=False), ["result"]),
        (read_back(result=None), ["result"]),
        (read_back(context={}), ["registration"]),
        (read_back(context=None), ["registration"]),
        (read_back(timestamp="2026-02-01T10:00:00.251Z"), ["timestamp"]),
        (read_back(timestamp="yesterday"), ["timestamp"]),
        (read_back(actor=7, verb=[], object="x"), ["actor", "verb", "object"]),
    ],
)
def test_what_may_not(theirs: dict[str, Any], parts: list[str]) -> None:
    assert differences(OURS, theirs) == parts


@pytest.mark.parametrize(
    ("verb", "word"),
    [("http://adlnet.gov/expapi/verbs/completed", "completed"), ("urn:x/", "urn:x"), ("", "-")],
)
def test_the_last_word_of_a_verb(verb: str, word: str) -> None:
    assert kind_of_verb(verb) == word
