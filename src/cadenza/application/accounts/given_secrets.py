"""Secrets as they were given, read by what their venue's credentials consist of."""

import json
from collections.abc import Mapping, Sequence

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential
from cadenza.domain.trading.venue_spec import CredentialField, VenueSpec

SECRET_CHARS_MAX = 16_384
_NAME_CHARS_MAX = 64

PASSPHRASE = "passphrase"  # noqa: S105 - the name of a field
"""The further field that may be given alone, as plain text."""


def read_secrets(
    spec: VenueSpec, type: CredentialType, api_key: str | None, api_secret: str | None, passphrase: str | None
) -> Secrets:
    """Return the secrets as a value.

    Where the venue's credentials have further fields (`VenueSpec.credential_fields`), `passphrase` is a JSON object
    with a text for each of them. Where one of these is itself called `passphrase`, a text that is no JSON object is
    that field alone. Raises `InvalidCredential` when the venue does not take the type, when the key is
    missing, when something is too long, and naming the field when one is unknown or missing.
    """
    if type not in spec.credential_types:
        taken = ", ".join(sorted(each.value for each in spec.credential_types))
        raise InvalidCredential(f"{spec.venue_id} takes credentials of these types: {taken}")
    if not api_key:
        raise InvalidCredential("apiKey is missing")
    if any(len(text or "") > SECRET_CHARS_MAX for text in (api_key, api_secret, passphrase)):
        raise InvalidCredential(f"a secret is longer than {SECRET_CHARS_MAX} characters")
    if not spec.credential_fields:
        return Secrets(api_key=api_key, api_secret=api_secret or "", passphrase=passphrase or None)
    fields = _fields(spec.credential_fields, passphrase or "{}")
    return Secrets(api_key=api_key, api_secret=api_secret or "", passphrase=None, fields=fields)


def _fields(wanted: Sequence[CredentialField], text: str) -> Mapping[str, str]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) and any(field.name == PASSPHRASE for field in wanted):
        given = {PASSPHRASE: text}
    if not isinstance(given, dict):
        raise InvalidCredential(f"apiPassphrase must be a JSON object with {_listed(wanted)}")
    names = {field.name for field in wanted}
    for name, value in given.items():
        if name not in names:
            raise InvalidCredential(f"apiPassphrase has the unknown field {name[:_NAME_CHARS_MAX]!r}", {"field": name})
        if not isinstance(value, str) or not _is_text(value):
            raise InvalidCredential(f"apiPassphrase: {name} must be a text", {"field": name})
    for field in wanted:
        if field.is_required and not given.get(field.name):
            raise InvalidCredential(f"apiPassphrase lacks {field.name}: {field.meaning}", {"field": field.name})
    return {name: value for name, value in given.items() if value}


def _listed(wanted: Sequence[CredentialField]) -> str:
    return ", ".join(f"{field.name} ({field.meaning})" for field in wanted)


def _is_text(value: str) -> bool:
    """Whether it can be sent: JSON can write halves of characters, which no encoding can."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
