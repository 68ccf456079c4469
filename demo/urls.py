"""Addresses of the demo LMS, under the platform's own paths."""

from __future__ import annotations

from common.djangoapps.student.views import change_enrollment
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from edx_django_utils.plugins import get_plugin_url_patterns
from lms.djangoapps.courseware.block_render import handle_xblock_callback
from lms.djangoapps.courseware.views import generate_user_cert
from openedx.core.djangoapps.enrollments.views import EnrollmentListView, UnenrollmentView
from openedx.core.djangoapps.oauth_dispatch.views import AccessTokenView
from openedx.core.djangoapps.plugins.constants import ProjectType
from openedx.core.djangoapps.user_api.accounts.views import AccountRetirementView, LMSAccountRetirementView

from demo.views import class_page

admin.site.site_header = "Demo Academy administration"
admin.site.site_title = "Demo Academy"

LOGIN = auth_views.LoginView.as_view(
    template_name="admin/login.html", extra_context={"site_header": "Demo Academy", "title": "Log in"}
)
COURSE = r"^courses/(?P<course_id>[^/+]+(?:\+[^/+]+)+)"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("class", class_page, name="class"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("login", LOGIN, name="login"),
    path("change_enrollment", change_enrollment, name="change_enrollment"),
    path("api/enrollment/v1/enrollment", EnrollmentListView.as_view(), name="courseenrollments"),
    path("api/enrollment/v1/unenroll/", UnenrollmentView.as_view(), name="unenrollment"),
    path("api/user/v1/accounts/retire_misc/", LMSAccountRetirementView.as_view(), name="retire_misc"),
    path("api/user/v1/accounts/retire/", AccountRetirementView.as_view(), name="retire"),
    path("oauth2/access_token", AccessTokenView.as_view(), name="access_token"),
    re_path(COURSE + r"/generate_user_cert$", generate_user_cert, name="generate_user_cert"),
    re_path(
        COURSE + r"/xblock/(?P<usage_id>[^/]+)/handler/(?P<handler>[^/]+)(?:/(?P<suffix>[^/]+))?$",
        handle_xblock_callback,
        name="xblock_handler",
    ),
]
urlpatterns.extend(get_plugin_url_patterns(ProjectType.LMS))
