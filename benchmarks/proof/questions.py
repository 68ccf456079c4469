"""Questions to the statement resource as nobody should ask them: almost right, wrong, and of any bytes."""

from __future__ import annotations

import json
import string

from hypothesis import strategies as st

from percipio_openedx.enums import Kind
from percipio_openedx.lrs.query import MORE
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs.rows import COURSE, TEACHER, actor_of, course_id

junk = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "null", "true", "False", "0", "-1", "1e3", "NaN", "[]", "{}", '"', "\x00", "%00", "'; --", "../"]
    ),
    st.text(alphabet="[{", max_size=3000),
    st.floats().map(str),
    st.integers().map(str),
    st.datetimes().map(str),
)
iris = st.sampled_from([VERBS[Kind.STARTED], VERBS[Kind.RETRACTED], course_id(1), COURSE.format(number=1), "urn:x:y"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
agents = st.one_of(
    st.sampled_from([actor_of(1), actor_of(2), TEACHER]),
    st.fixed_dictionaries(
        {},
        optional={
            "objectType": st.sampled_from(["Agent", "Group", "Activity", 1]),
            "mbox": st.sampled_from(["mailto:a@example.com", "a@example.com", "mailto:\ud800@example.com", 5]),
            "mbox_sha1sum": st.text(alphabet=string.hexdigits, min_size=38, max_size=42),
            "openid": iris,
            "account": st.fixed_dictionaries({"homePage": iris, "name": st.text(max_size=5)}),
            "member": st.lists(st.just({"mbox": "mailto:a@example.com"}), max_size=2),
            "name": json_values,
        },
    ),
    json_values,
).map(json.dumps)
times = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?(Z|[+-][0-9]{2}:?[0-9]{2})?", fullmatch=True
)
flags = st.sampled_from(["true", "false"])
likely = {
    "statementId": st.uuids().map(str),
    "voidedStatementId": st.uuids().map(str),
    "agent": agents,
    "verb": iris,
    "activity": iris,
    "registration": st.uuids().map(str),
    "related_activities": flags,
    "related_agents": flags,
    "since": times,
    "until": times,
    "limit": st.integers(0, 1000).map(str),
    "format": st.sampled_from(["ids", "exact", "canonical"]),
    "attachments": flags,
    "ascending": flags,
    MORE: st.text(alphabet=string.ascii_letters + string.digits + "-_.:", max_size=200),
}
names = st.sampled_from(sorted(likely))
pair = names.flatmap(lambda name: st.tuples(st.just(name), likely[name]))
odd_pair = st.tuples(names | names.map(str.upper) | st.text(max_size=12), junk)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Language": st.text(alphabet=string.printable.strip() + " ", max_size=60),
        "Accept": st.text(alphabet=string.printable.strip() + " ", max_size=30),
        "X-Experience-API-Version": st.sampled_from(["1.0.3", "1.0", "2.0.0", ""]),
    },
)
