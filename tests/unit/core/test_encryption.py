"""The keys of the plugin's own: which they are, which are refused, and what becomes of a secret when they change."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from percipio_openedx import checks, encryption
from percipio_openedx.encryption import Secret, StoredSecret
from percipio_openedx.exceptions import PercipioConfigurationError

CANARY = Secret("canary-9d41")
OLD, NEW = "the older text of keys 4f0a9c", "the newer text of keys 83be17"
PUBLIC = "DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION"


@pytest.fixture(autouse=True)
def _of_the_lms(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the LMS's own long key 51c2", []
    settings.PERCIPIO_ENCRYPTION_KEYS = []


def test_own_keys_count_and_the_first_one_encrypts(settings: Any) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = [OLD]
    before = encryption.seal(CANARY)
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW, OLD]
    after = encryption.seal(CANARY)

    assert [encryption.unseal(sealed).reveal() for sealed in (before, after)] == [CANARY.reveal()] * 2
    assert [encryption.unseal(sealed).is_newest for sealed in (before, after)] == [False, True]
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW]
    assert [encryption.unseal(sealed).is_readable for sealed in (before, after)] == [False, True]
    settings.PERCIPIO_ENCRYPTION_KEYS = []
    assert not encryption.unseal(after).is_readable


def test_without_own_keys_the_lms_s_secret_keys_count(settings: Any) -> None:
    before = encryption.seal(CANARY)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another long key 77aa41", [settings.SECRET_KEY]

    assert encryption.unseal(before) == CANARY
    assert not encryption.unseal(before).is_newest
    assert encryption.unseal(encryption.seal(CANARY)).is_newest


def test_a_secret_key_can_be_named_among_the_own_ones(settings: Any) -> None:
    before = encryption.seal(CANARY)
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW, settings.SECRET_KEY]

    assert encryption.unseal(before) == CANARY


@pytest.mark.parametrize("keys", [[PUBLIC], ["a long private text of somebody's 20cd"], [], None])
def test_the_platform_s_fernet_keys_are_never_used(settings: Any, keys: Any) -> None:
    sealed = encryption.seal(CANARY)
    settings.FERNET_KEYS = keys

    assert encryption.problem() is None
    assert encryption.unseal(sealed) == CANARY


@pytest.mark.parametrize(
    "key",
    [
        PUBLIC,
        "insecure-secret-key",
        "django-insecure-p%9d0w3l&w2r@q1z",
        "dev key of this machine",
        "CHANGE_ME_before_use_42",
        "replace this by your own",
        "your secret key goes here",
        "85920908f28904ed733fe576320db18cabd7b6cd",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababababababababab",
        "0f3a91",
        "fifteen letters",
    ],
)
@pytest.mark.parametrize("setting", ["PERCIPIO_ENCRYPTION_KEYS", "SECRET_KEY"])
def test_an_example_or_a_short_key_encrypts_nothing(settings: Any, setting: str, key: str) -> None:
    setattr(settings, setting, key if setting == "SECRET_KEY" else [key, NEW])
    with pytest.raises(PercipioConfigurationError) as caught:
        encryption.seal(CANARY)

    assert caught.value.setting == setting
    assert "PERCIPIO_ENCRYPTION_KEYS" in caught.value.problem
    assert key not in str(caught.value)
    assert "percipio.W006" in [message.id for message in checks.check_settings(None)]


def test_an_example_among_the_older_ones_still_decrypts(settings: Any) -> None:
    sealed = encryption._ciphers((PUBLIC,))[0].encrypt(b"of an earlier time")
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW, PUBLIC]

    assert encryption.problem() is None
    assert encryption.has_weak_older_keys()
    assert encryption.unseal(sealed).reveal() == "of an earlier time"


@pytest.mark.parametrize("wrong", ["one long text that is no list", [NEW, ""], [NEW, 7], {NEW: OLD}, 7, [None]])
def test_a_setting_that_is_no_list_of_texts(settings: Any, wrong: Any) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW]
    sealed = encryption.seal(CANARY)
    settings.PERCIPIO_ENCRYPTION_KEYS = wrong

    assert not encryption.unseal(sealed).is_readable
    assert "must be a list of texts" in str(encryption.problem())
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_ENCRYPTION_KEYS"):
        encryption.seal(CANARY)


def test_an_lms_without_any_key_encrypts_nothing_and_says_so(settings: Any) -> None:
    settings.SECRET_KEY = ""

    assert encryption.unseal(b"sealed") == StoredSecret(None, b"sealed")
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_ENCRYPTION_KEYS"):
        encryption.seal(CANARY)
    assert "percipio.W006" in [message.id for message in checks.check_settings(None)]


@pytest.mark.parametrize("bytes_", [b"", b"x", b"\x00\xff" * 40, b"gAAAAA" + b"A" * 94])
def test_what_is_no_ciphertext_is_unreadable(bytes_: bytes) -> None:
    assert not encryption.unseal(bytes_).is_readable


def test_an_unreadable_secret_counts_as_there_and_reveals_nothing() -> None:
    unreadable = StoredSecret(None, b"sealed")

    assert unreadable
    assert unreadable != Secret("")
    assert unreadable == StoredSecret(None, b"sealed") != StoredSecret(None, b"another")
    with pytest.raises(PercipioConfigurationError, match="type it again"):
        unreadable.reveal()
    with pytest.raises(TypeError):
        pickle.dumps(unreadable)
    assert "sealed" not in repr(unreadable)


def test_a_stored_secret_is_stored_again_with_the_newest_key_where_that_can_be_done(settings: Any) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = [OLD]
    stored = encryption.unseal(encryption.seal(CANARY))
    assert encryption.resealed(stored) is stored.sealed

    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW, OLD]
    again = encryption.resealed(encryption.unseal(stored.sealed))
    settings.PERCIPIO_ENCRYPTION_KEYS = [NEW]
    assert encryption.unseal(again) == CANARY
    assert encryption.resealed(encryption.unseal(stored.sealed)) == stored.sealed

    settings.PERCIPIO_ENCRYPTION_KEYS = [PUBLIC, OLD]
    assert encryption.resealed(StoredSecret("canary", stored.sealed, is_newest=False)) == stored.sealed
