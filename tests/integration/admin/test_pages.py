"""Every page opens for whoever may see it, and for nobody else; names do not become markup; no secret shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from percipio_openedx.models import CatalogEntry, CourseOverride, Destination, PercipioConfiguration
from percipio_openedx.models.statement import State
from tests.integration.admin.world import HOSTILE, OTHER_KEY, World, a_learner_course, a_statement
from tests.integration.builders import KEY

SECRET = "canary-of-the-row-5d3a"
SETTING = "canary-secret"
ROWS = (
    "statement",
    "learnercourse",
    "deliveryattempt",
    "destination",
    "notice",
    "courseoverride",
    "percipioconfiguration",
    "alert",
    "backfillrun",
    "erasurerequest",
    "unknownlearner",
    "catalogentry",
)


def admin_url(name: str, *args: object) -> str:
    return reverse(f"admin:percipio_openedx_{name}", args=args)


def pages(world: World) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every page by name: its address and the permissions that it takes."""
    parked = world.by_state[State.PARKED]
    found = {name: (admin_url(f"{name}_changelist"), (f"view_{name}",)) for name in ROWS}
    found["statement change"] = (admin_url("statement_change", parked.pk), ("view_statement",))
    found["statement search"] = (admin_url("statement_changelist") + "?q=hostile", ("view_statement",))
    found["destination change"] = (admin_url("destination_change", world.destination.pk), ("view_destination",))
    version = PercipioConfiguration.objects.get().pk
    found["version"] = (admin_url("percipioconfiguration_change", version), ("view_percipioconfiguration",))
    found["new version"] = (
        admin_url("percipioconfiguration_add") + f"?source={version}",
        ("view_percipioconfiguration", "add_percipioconfiguration"),
    )
    found["history"] = (admin_url("percipioconfiguration_history", version), ("view_percipioconfiguration",))
    found["overview"] = (admin_url("overview"), ("view_destination",))
    seeing = ("view_learnercourse", "view_statement")
    found["find"] = (admin_url("learner") + "?q=hostile", seeing)
    found["timeline"] = (admin_url("timeline", world.hostile.pk, KEY), seeing)
    found["preview"] = (
        admin_url("preview") + f"?learner=hostile&course={KEY.replace('+', '%2B')}&afresh=1",
        ("preview_statement",),
    )
    item = f"?content_id={OTHER_KEY.replace('+', '%2B')}"
    found["item of the catalog"] = (admin_url("catalog_item") + item, ("view_catalogentry",))
    entry = CatalogEntry.objects.values_list("pk", flat=True)[0]
    found["catalog entry"] = (admin_url("catalogentry_change", entry), ("view_catalogentry",))
    found["setup of every site"] = (admin_url("setup"), ("view_percipioconfiguration",))
    found["setup"] = (admin_url("site_setup", 1), ("view_percipioconfiguration",))
    found["connection"] = (admin_url("test_connection", 1), ("test_percipioconfiguration",))
    return found


@pytest.fixture
def configured(world: World) -> World:
    """With a row of its own, whose secret must not show."""
    PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1),
        enabled=True,
        partner_name=HOSTILE,
        client_id="row-client",
        client_secret=SECRET,
        region="custom",
        api_url="http://127.0.0.1:9",
        token_url="http://127.0.0.1:9/token",
    )
    CourseOverride.objects.create(course_key=OTHER_KEY, content_id=HOSTILE)
    catalog = Destination.of(1, HOSTILE, own_credentials=True, is_catalog=True)
    said = {"title": HOSTILE, "answer": HOSTILE, "state": "refused", "due_at": world.now}
    CatalogEntry.objects.create(destination=catalog, content_id=OTHER_KEY, **said)
    return world


def test_every_page_opens_shows_no_markup_of_others_and_no_secret(configured: World, everything: Client) -> None:
    seen = ""
    for name, (url, _permissions) in pages(configured).items():
        response = everything.get(url)
        page = response.content.decode()
        assert response.status_code == 200, name
        assert HOSTILE not in page, name
        assert SECRET not in page, name
        assert SETTING not in page, name
        seen += page
    # The name was there to be escaped, on the pages that show names.
    assert seen.count("&lt;script&gt;") > 10


def test_each_page_takes_its_permissions(configured: World, operator: Callable[..., Client]) -> None:
    for number, (name, (url, permissions)) in enumerate(pages(configured).items()):
        assert operator(*permissions, name=f"may{number}").get(url).status_code == 200, name
        assert operator(*permissions[:-1], name=f"not{number}").get(url).status_code == 403, name
        assert Client().get(url).status_code == 302, name


def test_no_page_of_its_own_is_open_to_all_staff() -> None:
    found = [page for one in admin.site._registry.values() for page in getattr(one, "pages", ())]
    assert len(found) > 10
    assert [name for _route, name, _view, *permissions in found if not permissions] == []


def test_what_the_plugin_wrote_is_read_only(configured: World, everything: Client) -> None:
    for name, pk in (
        ("statement", configured.by_state[State.PARKED].pk),
        ("destination", configured.destination.pk),
        ("percipioconfiguration", PercipioConfiguration.objects.get().pk),
    ):
        assert everything.post(admin_url(f"{name}_change", pk), {}).status_code == 403
        assert everything.post(admin_url(f"{name}_delete", pk), {"post": "yes"}).status_code == 403
    assert everything.get(admin_url("statement_add")).status_code == 403


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", ["statement", "learnercourse", "deliveryattempt", "notice", "overview", "timeline"])
def test_the_number_of_queries_does_not_grow(configured: World, everything: Client, name: str) -> None:
    urls = {"overview": admin_url("overview") + "?fresh", "timeline": admin_url("timeline", configured.amina.pk, KEY)}
    url = urls.get(name) or admin_url(f"{name}_changelist")
    queries(everything, url)
    few = queries(everything, url)
    for number in range(20):
        row = a_learner_course(configured.amina.pk if number % 2 else 1000 + number, KEY)
        to = Destination.objects.create(site_id=1, organization=f"org {number}")
        at = configured.now.replace(microsecond=number)
        a_statement(row, 100 + number, State.PARKED if number % 3 else State.WAITING, to, at)

    assert queries(everything, url) == few


def test_the_index_of_the_app_leads_to_the_pages(configured: World, viewer: Client) -> None:
    page = viewer.get(reverse("admin:app_list", args=["percipio_openedx"])).content.decode()

    assert admin_url("overview") in page
    assert admin_url("learner") in page
    assert admin_url("preview") not in page
