"""The signals that other plugins may receive, by ``api``; their arguments are promised (``docs/api.md``).

Each is sent with ``send_robust`` after the change is stored: a receiver that raises changes nothing, and is logged by
Django. Receivers take ``**kwargs``, since a later version may send more.
"""

from __future__ import annotations

from django.dispatch import Signal

# A person has to fix something before anything more is sent to a destination: credentials or configuration are refused.
# Arguments: destination_id, site_id, account, organization, reason (``enums.Pause``), message
# (redacted, for operators).
destination_paused = Signal()
# It is fixed: a statement was accepted again, or the configuration is valid again. Arguments: destination_id, site_id,
# account, organization.
destination_recovered = Signal()
