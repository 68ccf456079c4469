from __future__ import annotations
import random, json, collections
import pytest
from datetime import timedelta
from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.outcomes import Answer, outcome_of_answer
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from tests.integration.delivery.rows import NOW, add, drain, track_of

pytestmark = pytest.mark.django_db(transaction=True)

STATUSES = [400, 415, 422, 431, 401, 403, 402, 404, 405, 410, 500, 502, 503, 413, None]


def answer(status, body=b""):
    if status is None:
        return Answer(Outcome.LATER, None, "no answer")
    return Answer(outcome_of_answer(status, body), status, f"{status}: words", body=body)


@pytest.mark.parametrize("api", ["statements", "track"])
@pytest.mark.parametrize("seed", range(int(__import__("os").environ.get("SEEDS", "40"))))
def test_sim(configured, sandbox, monkeypatch, seed, api):
    rnd = random.Random(seed)
    n = rnd.choice([5, 20, 40, 64, 120])
    k = min(n - 1, rnd.choice([1, 2, 3, 5, 8, n // 4, n // 2, n * 3 // 4]))
    configured(sandbox, API=api, BATCH_SIZE=rnd.choice([1, 5, 50, 50, 200]))
    rows = [add(i, track=track_of(i)) for i in range(n)]
    bad = {}
    one = rnd.choice([None, 400, 403, 404, 500, "x"])
    where = rnd.sample(range(n), k)
    if rnd.random() < 0.5:
        start = rnd.choice([0, n - k, rnd.randrange(n - k + 1)])
        where = range(start, start + k)
    for i in where:
        bad[i] = rnd.choice(STATUSES) if one == "x" else one
    calls = []
    pauses = []

    def find(body):
        d = json.loads(body)
        s = d.get("user") or d["actor"]["mbox"][7:]
        return int(s[7:].split("@")[0])

    def post(self, bodies, organization=""):
        who = [find(b) for b in bodies]
        culprits = [bad[w] for w in who if w in bad]
        a = answer(culprits[0]) if culprits else answer(200, b"[]")
        calls.append((who, a.status))
        return a

    monkeypatch.setattr(PercipioClient, "post_statements", post)
    monkeypatch.setattr(
        PercipioClient, "post_track", lambda self, record, organization="": post(self, [record], organization)
    )
    from percipio_openedx.delivery import health

    orig = health.failed

    def failed(d, a, now, **kw):
        pauses.append((len(calls), kw.get("outcome")))
        return orig(d, a, now, **kw)

    monkeypatch.setattr(health, "failed", failed)
    done = drain(rounds=400)
    st = {r.learner_course.user_id: (r.state, r.status) for r in Statement.objects.select_related("learner_course")}
    d = Destination.objects.get()
    ok = (
        all(st[i][0] == State.DELIVERED for i in range(n) if i not in bad)
        and all(st[i] == (State.PARKED, bad[i]) for i in bad)
        and d.failures == 0
    )
    print(
        "\nSIM",
        api,
        seed,
        "n",
        n,
        "bad",
        bad if len(bad) < 9 else len(bad),
        "calls",
        len(calls),
        "rounds",
        len(done),
        "pauses",
        len(pauses),
        pauses[:4],
        "OK" if ok else "NOT",
        d.paused_reason,
        d.failures,
    )
    if not ok:
        print({i: st[i] for i in range(n) if st[i][0] != State.DELIVERED})
