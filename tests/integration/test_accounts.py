"""One site, several accounts: each learner's reports arrive at the account that is the learner's, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.utils import timezone
from social_django.models import UserSocialAuth

from percipio_openedx import config, edx_platform
from percipio_openedx.config import SERVICE_PATH
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models import (
    Account,
    Destination,
    ErasureRequest,
    LearnerCourse,
    ObservationFailure,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import problems, requeue, status
from percipio_openedx.operations.requeue import Refusal
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import facts, rebuild, report_due
from percipio_openedx.reporting.preview import nothing_new, preview
from percipio_openedx.reporting.retirement import erase
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.test_reporting import grade, notice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

CLIENTS = ("acme-id:acme-secret:acme", "beta-id:beta-secret:beta:beta-org", "site-id:site-secret:site")
ELSEWHERE = "the learner belongs to another account now"


@pytest.fixture
def percipio() -> Any:
    """A Percipio with three partners, each with a service account that may speak for it alone."""
    with Sandbox(clients=CLIENTS) as running:
        yield running


@pytest.fixture
def site(reporting: Any, percipio: Sandbox) -> Any:
    """A site whose settings are an account of their own, which is nobody's while there are others."""
    reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = percipio.url, percipio.token_url
    reporting.PERCIPIO_PARTNER_NAME = "site"
    reporting.PERCIPIO_CLIENT_ID, reporting.PERCIPIO_CLIENT_SECRET = "site-id", "site-secret"
    return reporting


@pytest.fixture
def accounts(site: Any, percipio: Sandbox) -> Sandbox:
    """Two customers: acme by its UUID under the link's ``org``, beta by its provider."""
    save(percipio, "acme", learners="sso:org=ACME-1", position=1)
    save(percipio, "beta", learners="sso:beta", position=2, organization_id="beta-org", learner_id="sso:id")
    return percipio


def save(percipio: Sandbox, name: str, **values: Any) -> Account:
    """A new version of an account."""
    before = Account.newest(1, name)
    kept = {} if before is None else {field: getattr(before, field) for field in ("position", *config.ACCOUNT_FIELDS)}
    own = {
        **{"enabled": True, "partner_name": name, "client_id": f"{name}-id", "client_secret": f"{name}-secret"},
        **{"region": "custom", "api_url": percipio.url, "token_url": percipio.token_url},
    }
    return Account.objects.create(site=Site.objects.get(pk=1), name=name, **{**own, **kept, **values})


def person(username: str, slug: str = "acme", **extra: Any) -> Any:
    """A learner with a link to an identity provider."""
    user = a_learner(username)
    link(user, slug, **extra)
    return user


def link(user: Any, slug: str, **extra: Any) -> None:
    """The one link of a learner."""
    UserSocialAuth.objects.filter(user=user).delete()
    UserSocialAuth.objects.create(user=user, provider="tpa-saml", uid=f"{slug}:{user.username}", extra_data=extra)


def of_acme(username: str = "amina") -> Any:
    return person(username, "idp", org="acme-1")


def of_beta(username: str = "bob") -> Any:
    return person(username, "beta", id=f"b-{username}")


def works(times: int = 3) -> None:
    """What is due is done."""
    Statement.objects.filter(state__in=(State.OUTDATED, State.WAITING)).update(due_at=timezone.now())
    Destination.objects.update(retry_at=None)
    ObservationFailure.objects.update(retry_at=timezone.now())
    for _ in range(times):
        run_once(budget=10)


def arrived(percipio: Sandbox) -> list[tuple[str, str, str]]:
    """What arrived where: the partner, how the learner is named there, and the verb."""
    found = []
    for entry in percipio.entries:
        actor = entry.body["actor"]
        name = actor.get("mbox") or actor["account"]["name"]
        found.append((entry.partner, name.removeprefix("mailto:"), entry.body["verb"]["id"].rpartition("/")[2]))
    return found


def hold(user: Any) -> str:
    return LearnerCourse.objects.get(user_id=user.pk).hold_reason


def reasons() -> set[str]:
    """Why statements are not rebuilt."""
    return set(Statement.objects.filter(state=State.OUTDATED).values_list("answer", flat=True))


# --- each to its own --------------------------------------------------------------------------------------------------


def test_two_customers_on_two_partners(accounts: Sandbox) -> None:
    course = a_course(units=2)
    amina, bob, carla = of_acme(), of_beta(), person("carla", "other", org="gamma")
    for user in (amina, bob, carla):
        enrolled(user, course)
    grade(amina, course)
    works()

    assert sorted(arrived(accounts)) == [
        ("acme", "amina@example.com", "completed"),
        ("acme", "amina@example.com", "initialized"),
        ("acme", "amina@example.com", "passed"),
        ("beta", "b-bob", "initialized"),
    ]
    assert {(entry.partner, entry.organization, entry.client_id) for entry in accounts.entries} == {
        ("acme", None, "acme-id"),
        ("beta", "beta-org", "beta-id"),
    }
    assert hold(carla) == HoldReason.NO_ACCOUNT
    assert dict(LearnerCourse.objects.values_list("user_id", "account")) == {
        **{amina.pk: "acme", bob.pk: "beta", carla.pk: ""}
    }
    # Nobody's secret, token or learner ever went to the site's own partner.
    assert not any("/partners/site/" in request.path for request in accounts.requests)
    assert "carla" not in json.dumps([entry.body for entry in accounts.entries])


def test_the_whole_statement_of_an_account_that_names_its_people_otherwise(accounts: Sandbox) -> None:
    bob = of_beta()
    enrolled(bob, a_course(units=2))
    works()

    (entry,) = accounts.entries
    row = Statement.objects.get()
    assert entry.body == json.loads(bytes(row.body))
    assert entry.body["actor"] == {
        "objectType": "Agent",
        "name": "Amina Haddad",
        "account": {"homePage": config.lms_root(), "name": "b-bob"},
    }
    assert f"{SERVICE_PATH}/partners/beta/organizations/beta-org/statements" in accounts.requests[-1].path
    assert (row.destination.account, row.destination.organization) == ("beta", "beta-org")
    sender = config.for_account(1, "beta")
    assert sender is not None
    assert row.built_by == sender.fingerprint


def test_one_account_on_track_the_other_on_statements(accounts: Sandbox) -> None:
    save(accounts, "beta", api="track")
    course = a_course(units=2)
    amina, bob = of_acme(), of_beta()
    for user in (amina, bob):
        enrolled(user, course)
        grade(user, course)
    works()

    assert {partner for partner, _name, _verb in arrived(accounts)} == {"acme"}
    assert [(entry.partner, entry.body["user"], entry.body["status"]) for entry in accounts.track_entries] == [
        ("beta", "b-bob", "started"),
        ("beta", "b-bob", "completed"),
    ]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_first_in_the_order_has_the_learner(accounts: Sandbox, order: tuple[int, int]) -> None:
    save(accounts, "acme", learners="all", position=order[0])
    save(accounts, "beta", position=order[1])
    enrolled(of_beta(), a_course(units=2))
    works()

    assert [partner for partner, *_ in arrived(accounts)] == ["acme" if order == (1, 2) else "beta"]


def test_ties_go_by_name(accounts: Sandbox) -> None:
    save(accounts, "acme", learners="all", position=7)
    save(accounts, "beta", learners="all", position=7)
    found = config.for_site(1)
    assert found is not None
    assert [one.name for one in found.accounts] == ["acme", "beta"]


# --- off, broken, deleted ---------------------------------------------------------------------------------------------


def test_an_account_that_is_switched_off_keeps_what_is_its_own(accounts: Sandbox) -> None:
    save(
        accounts,
        "rest",
        learners="all",
        position=9,
        partner_name="site",
        client_id="site-id",
        client_secret="site-secret",
    )
    course = a_course(units=2)
    amina, bob = of_acme(), of_beta()
    enrolled(amina, course)
    report_due()
    save(accounts, "acme", enabled=False)
    enrolled(bob, course)
    grade(amina, course)
    works()

    assert arrived(accounts) == [("beta", "b-bob", "initialized")]
    assert hold(amina) == HoldReason.ACCOUNT_OFF
    row = Destination.objects.get(account="acme")
    assert (row.paused_reason, row.last_error) == ("account_off", "the account is switched off")
    # Deliberate, so no problem.
    assert problems.find(status.take(timezone.now())) == []

    save(accounts, "acme", enabled=True)
    notice(amina, course)
    works()
    assert [one for one in arrived(accounts) if one[0] != "beta"] == [
        ("acme", "amina@example.com", "initialized"),
        ("acme", "amina@example.com", "passed"),
        ("acme", "amina@example.com", "completed"),
    ]
    assert Destination.objects.get(account="acme").paused_reason == ""


def test_a_broken_secret_stops_its_own_account_alone(accounts: Sandbox) -> None:
    course = a_course(units=2)
    amina, bob = of_acme(), of_beta()
    enrolled(amina, course)
    report_due()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE percipio_openedx_account SET client_secret = %s WHERE name = 'acme'", [b"unreadable"])
    with pytest.raises(PercipioConfigurationError, match="acme"):
        config.for_account(1, "acme")
    enrolled(bob, course)
    grade(amina, course)
    works()

    assert arrived(accounts) == [("beta", "b-bob", "initialized")]
    # Held back with the mistake, and tried again.
    assert hold(amina) == HoldReason.UNSAYABLE
    assert ObservationFailure.objects.get().reason.startswith("client_secret (acme)")
    assert Destination.objects.get(account="acme").paused_reason == "configuration"
    (found, *_) = problems.find(status.take(timezone.now()))
    assert (found.code, found.where) == ("misconfigured", "example.com, account acme")
    assert "client_secret (acme)" in found.sentence

    save(accounts, "acme", client_secret="acme-secret")
    works()
    assert [verb for partner, _, verb in arrived(accounts) if partner == "acme"] == [
        "initialized",
        "passed",
        "completed",
    ]
    assert problems.find(status.take(timezone.now())) == []


def test_a_deleted_account_keeps_its_rows_waiting(accounts: Sandbox) -> None:
    course = a_course(units=2)
    amina, bob = of_acme(), of_beta()
    enrolled(amina, course)
    report_due()
    Account.objects.filter(name="acme").delete()
    enrolled(bob, course)
    works()

    assert arrived(accounts) == [("beta", "b-bob", "initialized")]
    waiting = Statement.objects.get(destination__account="acme")
    assert waiting.state == State.WAITING
    row = Destination.objects.get(account="acme")
    assert (row.paused_reason, row.last_error) == ("no_account", "the site has no account of this name any more")
    (found,) = problems.find(status.take(timezone.now()))
    assert (found.code, found.where) == ("paused", "example.com, account acme")


def test_where_all_accounts_are_deleted_the_settings_apply_to_what_is_new(accounts: Sandbox) -> None:
    course = a_course(units=2)
    amina = of_acme()
    enrolled(amina, course)
    report_due()
    Account.objects.all().delete()
    enrolled(of_beta(), course)
    grade(amina, course)
    works()

    # The learner's former account has the earlier one, which is first in line.
    assert arrived(accounts) == [("site", "bob@example.com", "initialized")]
    assert reasons() == {f"cannot be rebuilt yet: {ELSEWHERE}"}


def test_what_was_made_for_the_settings_waits_once_there_are_accounts(site: Any, percipio: Sandbox) -> None:
    enrolled(of_acme(), a_course(units=2))
    report_due()
    save(percipio, "acme", learners="all")
    works()

    assert arrived(percipio) == []
    row = Destination.objects.get()
    assert (row.account, row.paused_reason) == ("", "no_account")
    assert "made for none of them" in row.last_error


def test_a_site_that_is_switched_off_switches_its_accounts_off(accounts: Sandbox) -> None:
    PercipioConfiguration.objects.create(site=Site.objects.get(pk=1), enabled=False)
    assert config.for_site(1) is None
    assert config.for_account(1, "acme") is None


def test_the_secret_of_an_account_is_kept_in_its_newest_version_alone(accounts: Sandbox) -> None:
    save(accounts, "acme", client_secret="newer")
    kept = Account.objects.filter(name="acme").order_by("pk").values_list("client_secret", flat=True)
    assert [secret.reveal() for secret in kept] == ["", "newer"]
    # That of the other account is its own.
    assert Account.newest(1, "beta").client_secret.reveal() == "beta-secret"


# --- learners who move ------------------------------------------------------------------------------------------------


def test_who_moves_before_delivery_is_told_to_neither(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    report_due()
    link(amina, "beta", id="b-amina")
    notice(amina, course)
    works()

    assert arrived(accounts) == []
    assert reasons() == {f"cannot be rebuilt yet: {ELSEWHERE}"}
    (found,) = problems.find(status.take(timezone.now()))
    assert (found.code, ELSEWHERE in found.sentence) == ("not_rebuilt", True)


def test_an_operator_moves_what_nobody_has(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    report_due()
    before = Statement.objects.get()
    link(amina, "beta", id="b-amina")
    grade(amina, course)
    works()
    assert requeue.move(Statement.objects.filter(learner_course__user_id=amina.pk, destination__account="acme")) == 1
    works()

    assert arrived(accounts) == [
        *(("beta", "b-amina", "initialized"), ("beta", "b-amina", "passed"), ("beta", "b-amina", "completed"))
    ]
    moved = Statement.objects.get(pk=before.pk)
    assert (moved.uuid, moved.destination.account, moved.may_move) == (before.uuid, "beta", False)


def test_who_moves_after_delivery_has_nothing_told_again(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    works()
    link(amina, "beta", id="b-amina")
    grade(amina, course)
    works()

    assert arrived(accounts) == [
        ("acme", "amina@example.com", "initialized"),
        ("beta", "b-amina", "passed"),
        ("beta", "b-amina", "completed"),
    ]
    assert requeue.move(Statement.objects.all()) == 0


@pytest.mark.parametrize("doubt", [{"in_doubt": True}, {"state": State.SENDING}, {"state": State.DELIVERED}])
def test_what_anybody_may_have_is_never_moved(accounts: Sandbox, doubt: dict[str, Any]) -> None:
    enrolled(of_acme(), a_course(units=2))
    report_due()
    Statement.objects.update(**doubt)
    before = Statement.objects.values().get()
    assert requeue.move(Statement.objects.all()) == 0
    assert Statement.objects.values().get() == before


def test_a_changed_order_moves_nothing_that_waits_and_tells_nobody_twice(accounts: Sandbox) -> None:
    """Without any notice: what waits was made while the rules said another account."""
    save(accounts, "acme", learners="all")
    bob = of_beta()
    enrolled(bob, a_course(units=2))
    report_due()
    assert Statement.objects.get().destination.account == "acme"
    save(accounts, "beta", position=0)
    works()

    assert arrived(accounts) == []
    assert reasons() == {f"cannot be rebuilt yet: {ELSEWHERE}"}
    save(accounts, "beta", position=2)
    works()
    assert arrived(accounts) == [("acme", "bob@example.com", "initialized")]


def test_who_becomes_nobodys_is_not_told_to_the_former_account(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    report_due()
    link(amina, "elsewhere")
    notice(amina, course)
    works()

    assert arrived(accounts) == []
    assert hold(amina) == HoldReason.NO_ACCOUNT


def test_a_retraction_goes_to_no_account_that_was_not_told(accounts: Sandbox, site: Any) -> None:
    site.PERCIPIO_UNDONE = "retract"
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    grade(amina, course)
    works()
    link(amina, "beta", id="b-amina")
    grade(amina, course, 0.2, passing=False)
    works()
    assert {partner for partner, *_ in arrived(accounts)} == {"acme"}
    # What is achieved afterwards is news to the new account.
    grade(amina, course, 0.95)
    works()
    assert [one for one in arrived(accounts) if one[0] == "beta"] == [
        ("beta", "b-amina", "passed"),
        ("beta", "b-amina", "completed"),
    ]
    assert not any(verb == "voided" for _partner, _name, verb in arrived(accounts))


def test_a_retraction_goes_where_it_was_told(accounts: Sandbox, site: Any) -> None:
    site.PERCIPIO_UNDONE = "retract"
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    grade(amina, course)
    works()
    grade(amina, course, 0.2, passing=False)
    works()
    assert [verb for _partner, _name, verb in arrived(accounts)].count("voided") == 2


# --- everything again -------------------------------------------------------------------------------------------------


def moved(accounts: Sandbox) -> Any:
    """A learner of whom acme was told everything, and who is beta's now."""
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    grade(amina, course)
    works()
    link(amina, "beta", id="b-amina")
    notice(amina, course)
    works()
    return amina


def test_everything_is_reported_again_if_asked(accounts: Sandbox) -> None:
    amina = moved(accounts)
    before = list(Statement.objects.order_by("pk").values())
    assert {partner for partner, *_ in arrived(accounts)} == {"acme"}

    found = requeue.report_anew(LearnerCourse.objects.all())
    assert (found.done, dict(found.refused)) == (1, {})
    works()

    assert [one for one in arrived(accounts) if one[0] == "beta"] == [
        *(("beta", "b-amina", "initialized"), ("beta", "b-amina", "passed"), ("beta", "b-amina", "completed"))
    ]
    rows = list(Statement.objects.order_by("pk").values())
    # What the former account was told stays as it is; the times are those of the facts.
    assert rows[: len(before)] == before
    assert [row["value"] for row in rows[len(before) :]] == ["anew-1"] * 3
    assert [row["happened_at"] for row in rows[len(before) :]] == [row["happened_at"] for row in before]
    assert len({row["uuid"] for row in rows}) == 6
    row = LearnerCourse.objects.get()
    assert (row.reported.anew, row.reported.completed, row.account) == (1, True, "beta")
    # Again is refused: it has been told now.
    assert dict(requeue.report_anew(LearnerCourse.objects.all()).refused) == {Refusal.TOLD: 1}
    assert amina.pk == row.user_id


def test_what_was_reported_anew_is_retracted_as_such(accounts: Sandbox, site: Any) -> None:
    site.PERCIPIO_UNDONE = "retract"
    amina = moved(accounts)
    requeue.report_anew(LearnerCourse.objects.all())
    works()
    grade(amina, edx_platform.parsed(KEY), 0.2, passing=False)
    works()

    voided = [entry.body["object"]["id"] for entry in accounts.entries if entry.body["verb"]["id"].endswith("voided")]
    of_beta = {entry.body["id"] for entry in accounts.entries if entry.partner == "beta"}
    assert len(voided) == 2
    assert set(voided) <= of_beta
    values = Statement.objects.filter(kind="retracted").order_by("pk").values_list("value", flat=True)
    assert list(values) == ["completed:anew-1", "passed:anew-1"]


@pytest.mark.parametrize("reason", [Refusal.TOLD, Refusal.OPEN, Refusal.PRUNED, Refusal.NOTHING, Refusal.HELD])
def test_nothing_is_reported_again_where_it_would_be_twice_or_in_vain(accounts: Sandbox, reason: Refusal) -> None:
    if reason is Refusal.TOLD:
        enrolled(of_acme(), a_course(units=2))
        works()
    else:
        amina = moved(accounts)
        if reason is Refusal.OPEN:
            Statement.objects.filter(kind="started").update(state=State.WAITING, settled_at=None, in_doubt=True)
        elif reason is Refusal.PRUNED:
            Statement.objects.filter(kind="started").delete()
        elif reason is Refusal.NOTHING:
            Statement.objects.all().delete()
            LearnerCourse.objects.update(sequence=0)
        else:
            link(amina, "elsewhere")
    before = LearnerCourse.objects.values().get()
    found = requeue.report_anew(LearnerCourse.objects.all())

    assert (found.done, dict(found.refused)) == (0, {reason: 1})
    assert {**LearnerCourse.objects.values().get()} == before


def test_what_was_reported_again_is_not_moved_as_well(accounts: Sandbox) -> None:
    moved(accounts)
    Statement.objects.filter(kind="started").update(state=State.DISCARDED)
    requeue.report_anew(LearnerCourse.objects.all())
    works()
    assert requeue.move(Statement.objects.filter(state=State.DISCARDED)) == 0


# --- looking ahead, looking back --------------------------------------------------------------------------------------


def test_the_preview_is_that_of_the_learners_account(accounts: Sandbox) -> None:
    bob = of_beta()
    enrolled(bob, a_course(units=2))
    found = preview(bob.pk, KEY)
    assert found.configuration is not None
    assert found.configuration.account == "beta"
    ((_, built),) = found.statements
    assert json.loads(built.body)["actor"]["account"]["name"] == "b-bob"


def test_a_back_fill_passes_over_nobody_who_has_moved(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    grade(amina, course)
    works()
    site, book = config.for_site(1), facts.CourseBook()
    assert site is not None
    when = {amina.pk: timezone.now()}
    assert nothing_new(site, book.get(KEY), when) == {amina.pk}
    link(amina, "beta", id="b-amina")
    assert nothing_new(site, book.get(KEY), when) == set()


def test_each_account_is_asked_to_erase_what_it_was_told(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    works()
    link(amina, "beta", id="b-amina")
    grade(amina, course)
    works()
    erase(amina.pk)

    asked = ErasureRequest.objects.order_by("account").values_list("account", "organization", "statements")
    assert list(asked) == [("acme", "", 1), ("beta", "beta-org", 2)]


def test_a_failed_rebuild_says_so_until_it_is_moved(accounts: Sandbox) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    report_due()
    link(amina, "beta", id="b-amina")
    notice(amina, course)
    report_due()
    assert rebuild.rebuild_due().put_off == 1
    assert Statement.objects.get().due_at > timezone.now()
