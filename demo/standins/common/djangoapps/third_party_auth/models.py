"""Providers of single sign-on: which social-auth row belongs to which provider."""

from __future__ import annotations

from typing import Any

from config_models.models import ConfigurationModel
from django.contrib.sites.models import Site
from django.db import models


class ProviderConfig(ConfigurationModel):
    """What all kinds of provider share."""

    KEY_FIELDS: tuple[str, ...] = ("slug",)
    prefix = ""

    name = models.CharField(max_length=50, blank=True)
    slug = models.SlugField(max_length=30, db_index=True, default="default")
    site = models.ForeignKey(Site, related_name="%(class)ss", on_delete=models.CASCADE)

    class Meta:
        app_label = "third_party_auth"
        abstract = True

    @property
    def provider_id(self) -> str:
        """The id by which the platform names the provider, for example `saml-school`."""
        return f"{self.prefix}-{getattr(self, self.KEY_FIELDS[-1])}"


class OAuth2ProviderConfig(ProviderConfig):
    """A provider whose uid is the remote id as it came."""

    KEY_FIELDS = ("site_id", "backend_name")
    prefix = "oa2"

    backend_name = models.CharField(max_length=50, db_index=True)

    class Meta(ProviderConfig.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"OAuth2 provider {self.slug}"

    def match_social_auth(self, social_auth: Any) -> bool:
        """Whether the row came through this provider."""
        return bool(self.backend_name == social_auth.provider)

    def get_remote_id_from_social_auth(self, social_auth: Any) -> str:
        """The provider's own id of the learner."""
        return str(social_auth.uid)


class SAMLProviderConfig(ProviderConfig):
    """A SAML identity provider: all share one backend, so the uid begins with the provider's slug."""

    prefix = "saml"
    backend_name = "tpa-saml"

    entity_id = models.CharField(max_length=255)
    metadata_source = models.CharField(max_length=255)

    class Meta(ProviderConfig.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"SAML provider {self.slug}"

    def match_social_auth(self, social_auth: Any) -> bool:
        """Whether the row came through this provider."""
        return bool(self.backend_name == social_auth.provider) and social_auth.uid.startswith(f"{self.slug}:")

    def get_remote_id_from_social_auth(self, social_auth: Any) -> str:
        """The provider's own id of the learner: the uid without the slug."""
        return str(social_auth.uid)[len(self.slug) + 1 :]

    def get_social_auth_uid(self, remote_id: str) -> str:
        """The uid that a social-auth row has for this remote id."""
        return f"{self.slug}:{remote_id}"
