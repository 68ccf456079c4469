"""The clock of the statement resource: one row a site."""

from __future__ import annotations

from django.db import models


class StatementLedger(models.Model):
    """When the newest statement of a site was stored.

    Its row is locked while statements are inserted, so that ``stored_at`` grows in the order of the commits: whoever
    polls by ``since`` never misses one that a slower writer committed later. Learners' requests never touch it.

    .. no_pii: One time for each site.
    """

    site_id = models.PositiveIntegerField(primary_key=True)
    last_stored_at = models.DateTimeField()

    class Meta:
        app_label = "percipio_openedx"

    def __str__(self) -> str:
        return f"site={self.site_id} last_stored_at={self.last_stored_at:%Y-%m-%dT%H:%M:%SZ}"
