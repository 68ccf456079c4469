"""States of a certificate."""

from __future__ import annotations


class CertificateStatuses:
    """Names of the states."""

    deleted = "deleted"
    deleting = "deleting"
    downloadable = "downloadable"
    error = "error"
    generating = "generating"
    notpassing = "notpassing"
    restricted = "restricted"
    unavailable = "unavailable"
    auditing = "auditing"
    audit_passing = "audit_passing"
    audit_notpassing = "audit_notpassing"
    honor_passing = "honor_passing"
    unverified = "unverified"
    invalidated = "invalidated"
    requesting = "requesting"

    PASSED_STATUSES = (downloadable, generating)

    @classmethod
    def is_passing_status(cls, status: str | None) -> bool:
        """Whether the state means that the learner has, or is about to have, the certificate."""
        return status in cls.PASSED_STATUSES
