"""Laws of sealing: what was sealed opens in its own place only, and survives a change of master keys."""

import secrets
import uuid
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.adapters.vault.keyring import KeyRing, MasterKey
from cadenza.adapters.vault.sealer import AesGcmSealer, _place, _wrap
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.ids import PAPER, CredentialId, Environment, TenantId, Venue, VenueId
from cadenza.ports.storage.accounts import SealedSecrets
from cadenza.ports.vault import CannotOpen

OLD, NEW = MasterKey(b"\1" * 32), MasterKey(b"\2" * 32)
SEALER = AesGcmSealer(KeyRing((OLD,)))
PLACE: dict[str, Any] = {
    "tenant_id": TenantId(uuid.UUID(int=1)),
    "venue": PAPER,
    "credential_id": CredentialId(uuid.UUID(int=2)),
    "version": 1,
}
ELSEWHERE = [
    {"tenant_id": TenantId(uuid.UUID(int=9))},
    {"venue": VenueId(Venue.BINANCE, Environment.LIVE)},
    {"venue": VenueId(Venue.PAPER, Environment.UAT)},
    {"credential_id": CredentialId(uuid.UUID(int=9))},
    {"version": 2},
]
SECRETS = Secrets("the api key", "the api secret", None)
texts = st.text(max_size=200)


@given(api_key=texts, api_secret=texts, passphrase=st.none() | texts)
def test_sealing_round_trips_any_text(api_key: str, api_secret: str, passphrase: str | None) -> None:
    sealed = SEALER.seal(Secrets(api_key, api_secret, passphrase), **PLACE)
    assert SEALER.open(sealed, **PLACE) == Secrets(api_key, api_secret, passphrase)


@given(fields=st.dictionaries(texts, texts, max_size=5))
def test_further_fields_are_sealed_with_the_rest(fields: dict[str, str]) -> None:
    sealed = SEALER.seal(Secrets("k", "s", None, fields), **PLACE)
    assert SEALER.open(sealed, **PLACE).fields == fields


def test_a_record_without_further_fields_opens() -> None:
    place, data_key, nonce = _place(*PLACE.values()), bytes(32), bytes(12)
    text = b'["the api key", "the api secret", null]'
    ciphertext = AESGCM(data_key).encrypt(nonce, text, place)
    sealed = SealedSecrets(OLD.id, _wrap(OLD, data_key, place), nonce, ciphertext)
    assert SEALER.open(sealed, **PLACE) == SECRETS


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=lambda place: next(iter(place)))
def test_a_row_in_another_place_does_not_open(elsewhere: dict[str, Any]) -> None:
    sealed = SEALER.seal(SECRETS, **PLACE)
    for act in (SEALER.open, AesGcmSealer(KeyRing((NEW, OLD))).rewrap):
        with pytest.raises(CannotOpen):
            act(sealed, **{**PLACE, **elsewhere})


@settings(max_examples=200)
@given(data=st.data())
def test_a_changed_byte_does_not_open(data: st.DataObject) -> None:
    sealed = SEALER.seal(SECRETS, **PLACE)
    part = data.draw(st.sampled_from(["wrapped_key", "nonce", "ciphertext"]))
    raw = bytearray(getattr(sealed, part))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        SEALER.open(replace(sealed, **{part: bytes(raw)}), **PLACE)


@pytest.mark.parametrize("part", ["wrapped_key", "nonce", "ciphertext"])
def test_parts_of_two_sealings_do_not_mix(part: str) -> None:
    first, second = SEALER.seal(SECRETS, **PLACE), SEALER.seal(SECRETS, **PLACE)
    assert getattr(first, part) != getattr(second, part)
    with pytest.raises(CannotOpen):
        SEALER.open(replace(first, **{part: getattr(second, part)}), **PLACE)


@pytest.mark.parametrize("sealed", [SealedSecrets(OLD.id, b"", b"", b""), SealedSecrets("none", b"x", b"y", b"z")])
def test_nonsense_does_not_open(sealed: SealedSecrets) -> None:
    with pytest.raises(CannotOpen):
        SEALER.open(sealed, **PLACE)


def test_rotation_keeps_the_secrets_and_lets_the_old_key_go() -> None:
    sealed = SEALER.seal(SECRETS, **PLACE)
    both = AesGcmSealer(KeyRing((NEW, OLD)))
    assert both.open(sealed, **PLACE) == SECRETS
    rewrapped = both.rewrap(sealed, **PLACE)
    assert (rewrapped.key_id, rewrapped.ciphertext) == (NEW.id, sealed.ciphertext)
    assert both.rewrap(rewrapped, **PLACE) is rewrapped
    assert AesGcmSealer(KeyRing((NEW,))).open(rewrapped, **PLACE) == SECRETS
    with pytest.raises(CannotOpen):
        SEALER.open(rewrapped, **PLACE)


def test_nothing_shows_a_secret() -> None:
    sealed = SEALER.seal(SECRETS, **PLACE)
    master = MasterKey(secrets.token_bytes(32))
    shown = f"{sealed!r} {SECRETS!r} {master!r} {KeyRing((master,))!r}"
    for secret in ("the api key", "the api secret", repr(master.secret)[2:-1], master.secret.hex()):
        assert secret not in shown
    with pytest.raises(CannotOpen) as caught:
        SEALER.open(sealed, **(PLACE | {"version": 3}))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
