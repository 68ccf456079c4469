"""For whoever wants to be told. Sent by ``health`` after the change is stored; receivers must not raise
(``send_robust``).
"""

from __future__ import annotations

from django.dispatch import Signal

# A destination's credentials or configuration are refused. Arguments: destination_id, site_id, organization, reason,
# words.
destination_paused = Signal()

# A destination that was paused has taken a statement again, or its configuration is valid again. Arguments:
# destination_id, site_id, organization.
destination_recovered = Signal()
