"""Names by which plugins address the LMS."""

from __future__ import annotations


class ProjectType:
    """Entry-point groups."""

    LMS = "lms.djangoapp"
    CMS = "cms.djangoapp"


class SettingsType:
    """The moments at which a plugin's settings are applied."""

    PRODUCTION = "production"
    COMMON = "common"
    DEVSTACK = "devstack"
    TEST = "test"
