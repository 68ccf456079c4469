"""The operator's pages as Chromium shows them, wide and narrow, in three languages, and the ways through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.urls import reverse
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from percipio_openedx import config
from percipio_openedx.models import (
    Account,
    BackfillRun,
    CatalogEntry,
    Destination,
    ErasureRequest,
    PercipioConfiguration,
    Statement,
    UnknownLearner,
)
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts
from percipio_openedx.operations.scope import Scope
from tests.browser.axe import faults, with_axe
from tests.browser.chromium import Browser
from tests.integration.admin.world import World
from tests.integration.builders import KEY

pytestmark = pytest.mark.browser

Visit = Callable[[str], Browser]
Picture = Callable[[str], None]
WIDTHS = (1280, 390)
# The key as WebDriver names it.
ENTER, TAB = "\ue007", "\ue004"


def address(name: str, *args: object, query: str = "") -> str:
    return reverse(f"admin:percipio_openedx_{name}", args=args) + query


def pages(world: World) -> dict[str, str]:
    """Every page with something on it."""
    key = KEY.replace("+", "%2B")
    parked = world.by_state[State.PARKED].pk
    found = {
        "index": reverse("admin:app_list", args=["percipio_openedx"]),
        "overview": address("overview", query="?fresh"),
        "find": address("learner", query="?q=amina"),
        "choice": address("learner", query="?q=amina&course=demox"),
        "timeline": address("timeline", world.hostile.pk, KEY),
        "preview": address("preview", query=f"?learner=amina&course={key}&afresh=1"),
        "connection": address("test_connection", 1),
        "statement": address("statement_change", parked),
        "configuration": address("percipioconfiguration_add"),
        "import": address("courseoverride_import"),
        "runs": address("course_runs"),
        "item": address("catalog_item", query="?content_id=course:DemoX%2BCS101"),
        "erasure": address("erasurerequest_change", ErasureRequest.objects.get().pk),
        "account": address("account_add"),
        "account-connection": address("test_account", Account.objects.get().site_id, "birch"),
        "setup-sites": address("setup"),
        "setup": address("site_setup", 1),
        "setup-new": address("site_setup", Account.objects.get().site_id),
        "backfill-start": address("backfillrun_add"),
        "backfill": address("backfillrun_change", BackfillRun.objects.get().pk),
    }
    models = ("statement", "learnercourse", "deliveryattempt", "destination", "notice", "alert", "backfillrun")
    lists = (*models, "erasurerequest", "courseoverride", "percipioconfiguration", "pullclient", "pullaudit")
    lists = (*lists, "account", "unknownlearner", "catalogentry")
    return found | {f"list-{name}": address(f"{name}_changelist") for name in lists}


@pytest.fixture
def furnished(world: World, settings: Any) -> World:
    """The site with an alert, a backfill, an erasure, a catalog, and a configuration of its own."""
    settings.PERCIPIO_CATALOG, settings.PERCIPIO_CATALOG_PUSH = "all visible", True
    settings.PERCIPIO_ORGANIZATION_ID = "org-7"
    catalog = Destination.of(1, "org-7", own_credentials=False, is_catalog=True)
    for number, state in enumerate(EntryState, 1):
        answers = {"refused": "400: the type COURSE is not one of VIDEO, BOOK", "held": "no_duration"}
        said = {"title": f"Cloud Foundations, part {number}", "answer": answers.get(state, "")}
        key = f"course:DemoX+CS10{number}"
        CatalogEntry.objects.create(destination=catalog, content_id=key, state=state, due_at=world.now, **said)
    Statement.objects.filter(state=State.PARKED).update(answer="400: the object's id is unknown to this organization")
    alerts.check(at_once=True)
    scope = Scope(org="DemoX")
    BackfillRun.objects.create(scope_key=scope.key, scope=scope.text, started_at=world.now, observed=1234)
    registrations = "\n".join([str(world.by_state[State.PARKED].registration)] * 3)
    ErasureRequest.objects.create(site_id=1, registrations=registrations, statements=3, erased_at=world.now)
    PercipioConfiguration.objects.create(site=Site.objects.get(pk=1), enabled=True)
    campus = Site.objects.create(domain="campus.example", name="Campus")
    rule = "sso:percipioOrganizationUuid=0d0c6f0e-5b3f-4b55-9c1c-52f7c2a8d111"
    names = {"partner_name": "demo-birch", "client_id": "demo-birch-client", "client_secret": "demo-birch-secret"}
    Account.objects.create(site=campus, name="birch", enabled=True, region="us", learners=rule, **names)
    parked = world.by_state[State.PARKED]
    UnknownLearner.objects.create(
        destination=parked.destination,
        user_id=parked.learner_course.user_id,
        actor_key=parked.actor_key,
        since=world.now,
        last_refused_at=world.now,
    )
    for key in (KEY, KEY.replace("CS101", "CS102")):
        CourseOverview.objects.get_or_create(id=key, defaults={"version": 1, "display_name": f"Course {key[-12:]}"})
    return world


# What of the page's own part stands beyond the screen's edge, where nothing can be scrolled to show it.
BEYOND = """
const scrolls = element => element && (
    getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
return [...document.querySelectorAll("#content *")]
    .filter(element => { const box = element.getBoundingClientRect();
        return (box.right > window.innerWidth + 1 || box.left < -1) && !scrolls(element); })
    .map(element => element.outerHTML.slice(0, 120));
"""


def overflow(browser: Browser) -> list[str]:
    """The elements for which the whole page would have to be scrolled sideways."""
    return list(browser.run(BEYOND))


def errors(browser: Browser) -> list[str]:
    return [line for line in browser.console() if "favicon" not in line]


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_every_page_fits_wide_and_narrow_without_an_error(
    furnished: World, visit: Visit, picture: Picture, settings: Any, language: str
) -> None:
    settings.LANGUAGE_CODE = language
    found = []
    for name, path in pages(furnished).items():
        for width in WIDTHS:
            browser = visit(path)
            browser.resize(width, 900)
            picture(f"{name}-{language}-{width}")
            found += [(name, width, "error", line) for line in errors(browser)]
            found += [(name, width, "beyond the edge", element) for element in overflow(browser)]
    assert found == []


@with_axe
def test_every_page_can_be_used_by_everybody(furnished: World, visit: Visit) -> None:
    found = []
    for name, path in pages(furnished).items():
        for width in WIDTHS:
            browser = visit(path)
            browser.resize(width, 900)
            found += [(name, width, *fault) for fault in faults(browser)]
    assert found == []


@with_axe
def test_what_keeps_people_from_using_a_page_is_found(visit: Visit) -> None:
    browser = visit(address("preview"))
    assert faults(browser) == []
    browser.run(
        "document.querySelector('label[for=learner]').remove();"
        "document.querySelector('.percipio-page p').style.color = '#ddd'"
    )

    assert {rule for rule, *_ in faults(browser)} == {"color-contrast", "label"}


# How an element looks; the controls of a page get a number each, and remember how they look without the focus.
LOOKS = """
const looks = one => { const style = getComputedStyle(one); return [style.outline, style.boxShadow, style.borderColor,
    style.color, style.backgroundColor, style.textDecorationLine].join("|"); };
"""
CONTROLS = (
    LOOKS
    + """
const found = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(one => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
found.forEach((one, number) => { one.dataset.number = number; one.dataset.looks = looks(one); });
// Of the buttons of a group Tab reaches one.
return found.filter(one => one.type !== "radio" || one.checked).map(one => one.outerHTML.slice(0, 160));
"""
)
FOCUSED = (
    LOOKS
    + """
const one = document.activeElement, box = one.getBoundingClientRect();
return [one.dataset.number, box.right > 0 && box.bottom > 0 && box.width > 0, looks(one) !== one.dataset.looks];
"""
)


@pytest.mark.parametrize("name", ["setup", "setup-new", "overview", "configuration", "list-statement", "timeline"])
def test_every_control_is_reached_by_the_keyboard_and_shows_it(furnished: World, visit: Visit, name: str) -> None:
    browser = visit(pages(furnished)[name])
    controls, reached = browser.run(CONTROLS), []
    # Once around: the page itself lies between the last and the first one.
    for _control in (*controls, "page"):
        browser.press(TAB)
        reached.append(browser.run(FOCUSED))

    reached = [one for one in reached if one[0] is not None]
    assert len({number for number, _is_seen, _is_marked in reached}) == len(controls)
    assert [number for number, is_seen, is_marked in reached if not (is_seen and is_marked)] == []
    # The first one leads past all that stands on every page, to something that is there.
    target = browser.run("return document.querySelector('[data-number=\"0\"]').hash")
    assert browser.run("return document.querySelector(arguments[0]).checkVisibility()", target)


def test_the_list_of_statements_fits_a_laptop(furnished: World, visit: Visit, picture: Picture) -> None:
    browser = visit(address("statement_changelist"))
    picture("statements-laptop")

    wide, seen = browser.run(
        "const one = document.querySelector('.results'); return [one.scrollWidth, one.clientWidth]"
    )
    assert wide <= seen


@pytest.mark.parametrize("name", ["overview", "setup", "setup-new", "timeline", "list-catalogentry", "list-statement"])
def test_from_right_to_left(furnished: World, visit: Visit, picture: Picture, settings: Any, name: str) -> None:
    settings.LANGUAGE_CODE = "ar"
    for width in WIDTHS:
        browser = visit(pages(furnished)[name])
        browser.resize(width, 900)
        picture(f"{name}-ar-{width}")
        assert browser.run("return getComputedStyle(document.querySelector('#content')).direction") == "rtl"
        assert overflow(browser) == []


def test_what_stands_beyond_the_edge_and_an_error_are_found(visit: Visit) -> None:
    browser = visit(address("learner"))
    assert (overflow(browser), errors(browser)) == ([], [])
    browser.run("document.querySelector('.percipio-search').style.width = '3000px'; console.error('a mistake')")

    assert [element[:31] for element in overflow(browser)] == ['<form method="get" class="perci']
    assert ["a mistake" in line for line in errors(browser)] == [True]


def test_the_overview_says_its_sentence_and_draws_its_plot(furnished: World, visit: Visit) -> None:
    browser = visit(address("overview"))

    assert "Percipio refuses 1 statement; it is parked." in browser.text(".percipio-page")
    assert "Percipio refuses 1 statement; it is parked." in browser.text(".percipio-alerts")
    bars = browser.run(
        "return [...document.querySelectorAll('.percipio-chart rect')].map(bar => ["
        "bar.getBoundingClientRect().height, getComputedStyle(bar).fill])"
    )
    assert len(bars) == 7
    assert all(height > 0 for height, _color in bars)
    assert len({color for _height, color in bars}) >= 5


def test_from_the_search_for_a_learner_to_the_time_line(furnished: World, visit: Visit) -> None:
    browser = visit(address("overview"))
    browser.click(f'.percipio-tools a[href="{address("learner")}"]')
    browser.type("#q", "amina")
    browser.click('.percipio-search input[type="submit"]')
    browser.wait_for("amina@example.com")
    browser.click(f'#content a[href="{address("timeline", furnished.amina.pk, KEY)}"]')
    browser.wait_for("What an observation would find now")

    assert "Percipio has it." in browser.text(".percipio-line")
    assert errors(browser) == []


def test_of_several_courses_one_is_chosen(furnished: World, visit: Visit) -> None:
    browser = visit(address("learner"))
    browser.type("#q", "amina")
    browser.type("#course", "demox cs10")
    browser.click('.percipio-search input[type="submit"]')
    browser.wait_for("Several courses match. Choose one:")
    browser.click(".percipio-choice a")
    browser.wait_for("amina@example.com")

    assert browser.run("return document.querySelector('#content td bdi[title]').title") == KEY


def test_a_parked_statement_is_filtered_chosen_confirmed_and_sent_again(furnished: World, visit: Visit) -> None:
    browser = visit(address("statement_changelist"))
    browser.click('#changelist-filter a[href*="state=parked"]')
    browser.wait_for("1 statement")
    browser.click("#action-toggle")
    browser.run("document.querySelector('select[name=action]').value = 'requeue'")
    browser.click('#changelist .actions button[type="submit"]')
    browser.wait_for("They keep their ids")
    assert furnished_state(furnished) == State.PARKED
    browser.click('#content form input[type="submit"]')
    browser.wait_for("1 statement is requeued.")

    # It was refused, so it is built anew first.
    assert furnished_state(furnished) == State.OUTDATED
    assert errors(browser) == []


def furnished_state(world: World) -> str:
    return Statement.objects.get(pk=world.by_state[State.PARKED].pk).state


def test_a_refused_course_is_found_and_sent_again_by_the_keyboard_alone(
    furnished: World, visit: Visit, picture: Picture
) -> None:
    browser = visit(address("catalogentry_changelist"))
    picture("catalog")
    assert "ask Skillsoft to remove the content id course:DemoX+CS105" in browser.text("#result_list")
    assert "The type" not in browser.text("#result_list") and "the type COURSE" in browser.text("#result_list")
    browser.type('#changelist-filter a[href*="state=refused"]', ENTER)
    browser.wait_for("1 catalog entry")
    browser.type("#action-toggle", " ")
    browser.type("select[name=action]", "Send now")
    browser.type('#changelist .actions button[type="submit"]', ENTER)
    browser.wait_for("1 item is sent now.")

    assert CatalogEntry.objects.get(content_id="course:DemoX+CS104").state == EntryState.WAITING
    browser = visit(address("catalogentry_changelist"))
    browser.type('#result_list a[href*="CS101"]', ENTER)
    browser.wait_for("What Percipio is told of it")
    picture("catalog-item")
    browser.resize(390, 844)
    picture("catalog-item-narrow")
    assert overflow(browser) == []
    assert errors(browser) == []


def test_the_connection_is_tested_by_a_click(furnished: World, visit: Visit, picture: Picture) -> None:
    browser = visit(address("percipioconfiguration_changelist"))
    browser.click(f'#content a[href="{address("test_connection", 1)}"]')
    browser.wait_for("The test asks for a token")
    browser.click('#content form input[type="submit"]')
    browser.wait_for("The connection works.")
    picture("connection-tested")

    assert "Statements can be written" in browser.text("#content table")
    assert errors(browser) == []


def test_the_preview_shows_the_statement(furnished: World, visit: Visit) -> None:
    browser = visit(address("preview"))
    browser.type("#learner", "amina")
    browser.type("#course", "cs101")
    browser.click('.percipio-search input[name="afresh"]')
    browser.click('.percipio-search input[type="submit"]')
    browser.wait_for("this is what would be sent")

    assert "http://adlnet.gov/expapi/verbs/initialized" in browser.text(".percipio-json")
    assert errors(browser) == []


def test_what_was_searched_for_is_told_to_no_page_that_follows(
    furnished: World, visit: Visit, every_log: Callable[..., str]
) -> None:
    """The LMS's tracking log names the page from which a browser came."""
    for path in (address("learner", query="?q=amina%40example.com"), address("statement_changelist", query="?q=amina")):
        browser = visit(path)
        browser.click('#site-name a, .breadcrumbs a[href="/admin/"]')
        browser.wait_for("Site administration")

    log = every_log(without="django.template")
    assert '"path": "/admin/"' in log
    assert "amina" not in log


def test_a_configuration_is_typed_in_and_its_lost_secret_typed_again(
    furnished: World, visit: Visit, picture: Picture, settings: Any, every_log: Callable[..., str], arriving: Any
) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = ["first text of keys 0d84be"]
    browser = visit(address("percipioconfiguration_add"))
    for field, text in (
        ("partner_name", "acme"),
        ("client_id", "acme-client"),
        ("new_password", "canary-typed-5a90"),
        ("api_url", arriving.url),
        ("token_url", arriving.token_url),
    ):
        browser.type(f"#id_{field}", text)
    browser.click('input[name="learners"][value="sso"]')
    browser.type('input[name="learners_sso"]', "tpa-saml")
    browser.run("document.querySelector('#id_region').value = 'custom'")
    browser.click('input[name="_save"]')
    browser.wait_for("Type the client secret again first")
    picture("configuration-shown")
    assert "Reports 2 learners in 1 of 1 course." in browser.text(".percipio-sides > :first-child")
    assert "Reports 0 learners in 1 of 1 course" in browser.text(".percipio-sides > :last-child")
    assert browser.run("return document.querySelector('#id_new_password').value") == ""
    assert overflow(browser) == []
    browser.resize(390, 844)
    picture("configuration-shown-narrow")
    assert overflow(browser) == []
    browser.resize(1280, 900)
    browser.type("#id_new_password", "canary-typed-5a90")
    browser.click('input[name="_save"]')
    browser.wait_for("stored, encrypted")
    picture("configuration-saved")
    assert "Start a back-fill of this site" in browser.text(".messagelist")

    settings.PERCIPIO_ENCRYPTION_KEYS = ["second text of keys 91f7aa"]
    browser = visit(address("percipioconfiguration_changelist"))
    assert "stored, but cannot be decrypted: type it again" in browser.text("#result_list")
    picture("configuration-list-unreadable")
    browser.click(f'#content a[href="{address("test_connection", 1)}"]')
    browser.wait_for("none of this LMS's keys decrypts it")
    picture("connection-unreadable")
    browser.click(".percipio-page .percipio-verdict + p a")
    browser.wait_for("type it again in the configuration")
    picture("configuration-unreadable")
    browser.click('input[name="_save"]')
    browser.wait_for("Please correct the error below.")
    picture("configuration-unreadable-error")
    browser.type("#id_new_password", "canary-typed-again-77")
    browser.click('input[name="_save"]')
    browser.wait_for("stored, encrypted")

    found = config.for_site(1)
    assert found is not None
    assert found.client_secret.reveal() == "canary-typed-again-77"
    assert "canary-typed" not in every_log()
    assert errors(browser) == []


def test_an_account_is_shown_before_it_is_saved(
    furnished: World, visit: Visit, picture: Picture, settings: Any
) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = ["first text of keys 0d84be"]
    browser = visit(address("account_add"))
    for field, text in (
        *(("name", "cedar"), ("position", "1"), ("partner_name", "demo-cedar"), ("client_id", "demo-cedar-client")),
        ("new_password", "canary-typed-5a90"),
    ):
        browser.type(f"#id_{field}", text)
    browser.click('input[name="learners"][value="all"]')
    browser.run("document.querySelector('#id_region').value = 'eu'")
    browser.click('input[name="_save"]')
    browser.wait_for("Type the client secret again first")
    picture("account-shown")
    assert Account.objects.filter(name="cedar").count() == 0
    assert "Reports 2 learners in 1 of 1 course." in browser.text(".percipio-sides > :first-child")
    assert "Reports 2 learners (cedar: 2) in 1 of 1 course." in browser.text(".percipio-sides > :last-child")
    browser.type("#id_new_password", "canary-typed-5a90")
    browser.click('input[name="_save"]')
    browser.wait_for("stored, encrypted")
    assert Account.objects.get(name="cedar").position in (1, 10)
