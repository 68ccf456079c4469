"""What operators decide: a site's settings, with the client secret encrypted, and course overrides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from config_models.models import ConfigurationModel
from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.models.fields import EncryptedSecretField
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement
from percipio_openedx.secret import Secret

# Prefix of the key for all runs of a course.
ALL_RUNS = "course:"
AT_ONCE = 500


class PercipioConfiguration(ConfigurationModel):  # type: ignore[misc]
    """How one site reports to Percipio. Every save is a new version; the newest counts.

    An empty field means "as the setting says" (``PERCIPIO_<FIELD>``), with one exception: if ``client_id`` is set here,
    secret, partner and organization come from here alone, so that no site's learners are sent with another's
    credentials. ``enabled`` (of the base class) switches the site off. Only the newest version keeps its secret.

    .. no_pii: A service account's credentials (the secret encrypted), addresses and choices.
    """

    KEY_FIELDS = ("site_id",)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    region = models.CharField(max_length=16, default="", blank=True)
    api_url = models.CharField(max_length=255, default="", blank=True)
    token_url = models.CharField(max_length=255, default="", blank=True)
    partner_name = models.CharField(max_length=128, default="", blank=True)
    organization_id = models.CharField(max_length=128, default="", blank=True)
    client_id = models.CharField(max_length=255, default="", blank=True)
    client_secret = EncryptedSecretField(default="", blank=True)
    api = models.CharField(max_length=12, default="", blank=True)
    send_skipped = models.BooleanField(null=True, blank=True)
    learner_id = models.CharField(max_length=100, default="", blank=True)
    learner_home_page = models.CharField(max_length=255, default="", blank=True)
    organization_from = models.CharField(max_length=100, default="", blank=True)
    learners = models.CharField(max_length=100, default="", blank=True)
    send_names = models.BooleanField(null=True, blank=True)
    content_id = models.CharField(max_length=16, default="", blank=True)
    launch_idp = models.CharField(max_length=128, default="", blank=True)
    launch_enrolls = models.BooleanField(null=True, blank=True)
    started_on = models.CharField(max_length=16, default="", blank=True)
    completed_on = models.CharField(max_length=16, default="", blank=True)
    undone = models.CharField(max_length=8, default="", blank=True)
    progress_step = models.PositiveSmallIntegerField(null=True, blank=True)
    locked_units = models.CharField(max_length=16, default="", blank=True)
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    timeout = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(ConfigurationModel.Meta):  # type: ignore[misc]
        verbose_name = _("Percipio configuration")
        verbose_name_plural = _("Percipio configurations")
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("test_percipioconfiguration", _("Can test the connection to Percipio")),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} version={self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add a version and remove the secret from earlier ones, since a replaced secret must not stay readable."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            earlier = type(self).objects.filter(site_id=self.site_id, pk__lt=self.pk)
            earlier.exclude(client_secret=b"").update(client_secret=Secret(""))

    @classmethod
    def newest(cls, site_id: int) -> PercipioConfiguration | None:
        """Return a site's newest version by primary key (clocks may have been wrong), or None."""
        row: PercipioConfiguration | None = cls.objects.filter(site_id=site_id).order_by("-pk").first()
        return row

    @classmethod
    def current(cls, *args: int) -> PercipioConfiguration:
        """Return a site's newest version or an empty one, never from the shared cache: it would hold the secret."""
        (site_id,) = args
        return cls.newest(site_id) or cls(site_id=site_id)


class CourseOverrideQuerySet(models.QuerySet["CourseOverride"]):
    """Makes bulk deletes outdate statements, as deleting a single row does."""

    def delete(self) -> tuple[int, dict[str, int]]:
        keys = list(self.values_list("course_key", flat=True))
        done = super().delete()
        outdate(keys)
        return done


class CourseOverride(models.Model):
    """A course that is left out, or that Percipio's catalog knows by another id.

    ``course_key`` is a course run's key (``course-v1:Org+Course+Run``), or ``course:Org+Course`` for all runs of a
    course; the run's own row wins. A change makes the course's open statements outdated.

    .. no_pii: Course keys and catalog ids.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255, unique=True)
    is_reported = models.BooleanField(default=True)
    content_id = models.CharField(max_length=255, default="", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CourseOverrideQuerySet.as_manager()

    class Meta:
        verbose_name = _("course override")
        verbose_name_plural = _("course overrides")
        ordering: ClassVar[list[str]] = ["course_key"]
        # The launch address finds courses by it.
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["content_id"], name="percipio_co_content")]

    def __str__(self) -> str:
        return self.course_key

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        outdate([self.course_key])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        done = super().delete(*args, **kwargs)
        outdate([self.course_key])
        return done

    def clean(self) -> None:
        problems = {}
        if problem := _key_problem(self.course_key):
            problems["course_key"] = problem
        # A lone surrogate, which no database stores, is not printable either.
        if not self.content_id.isprintable():
            problems["content_id"] = _("has a line break or another control character")
        if problems:
            raise ValidationError(problems)


def outdate(course_keys: Iterable[str]) -> None:
    """Have the open statements of these courses (keys as in ``CourseOverride``) rebuilt before they are sent."""
    runs = sorted(_runs(set(course_keys)))
    for start in range(0, len(runs), AT_ONCE):
        rows = Statement.objects.open().filter(
            learner_course__course_key__in=runs[start : start + AT_ONCE], settled_at__isnull=True, in_doubt=False
        )
        pks = list(rows.order_by().values_list("pk", flat=True))
        for first in range(0, len(pks), AT_ONCE):
            Statement.objects.filter(pk__in=pks[first : first + AT_ONCE]).outdate(timezone.now())


def _runs(course_keys: set[str]) -> set[str]:
    courses = {key for key in course_keys if key.startswith(ALL_RUNS)}
    if not courses:
        return course_keys
    known = LearnerCourse.objects.order_by().values_list("course_key", flat=True).distinct()
    return (course_keys - courses) | {key for key in known if _all_runs_of(key) in courses}


def _all_runs_of(course_key: str) -> str:
    """Return the key for all runs of a run's course. A run's key has ``+``, or ``/`` in its old form."""
    parts = course_key.removeprefix("course-v1:").replace("/", "+").split("+")
    return f"{ALL_RUNS}{'+'.join(parts[:2])}"


def _key_problem(key: str) -> str | Promise:
    if key.startswith(ALL_RUNS):
        org, plus, course = key.removeprefix(ALL_RUNS).partition("+")
        is_right = org and plus and course and "+" not in course and key.isprintable() and " " not in key
        return "" if is_right else _("must be course:Org+Course")
    try:
        parsed = CourseKey.from_string(key)
    except InvalidKeyError:
        parsed = None
    if parsed is None or not parsed.is_course or not parsed.run:
        return _("is no course; write course-v1:Org+Course+Run, or course:Org+Course for all runs")
    return "" if str(parsed) == key else _("must be written %(key)s") % {"key": parsed}
