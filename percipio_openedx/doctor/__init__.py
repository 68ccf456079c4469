"""Whether a running installation is well: every check, one finding each, with its mend."""

from __future__ import annotations

from percipio_openedx.doctor.examination import examine
from percipio_openedx.doctor.findings import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]
