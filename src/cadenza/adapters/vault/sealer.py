"""Sealing of venue credentials: AES-256-GCM in two layers.

A data key, made for one sealing, encrypts the secrets; a key derived from the active master key encrypts ("wraps") the
data key. Both layers are bound to (tenant, venue, credential, version) as associated data.
"""

import json
import secrets as randomness

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cadenza.adapters.vault.keyring import KEY_BYTES, KeyRing, MasterKey, derive
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.ids import CredentialId, TenantId, VenueId
from cadenza.ports.storage.accounts import SealedSecrets
from cadenza.ports.vault import CannotOpen

_NONCE_BYTES = 12
_USE = "wrap credential keys"
_CHANGED = "the sealed secrets were changed, or belong to another place"


class AesGcmSealer:
    """`ports.vault.Sealer` with the keys of a ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(
        self, secrets: Secrets, *, tenant_id: TenantId, venue: VenueId, credential_id: CredentialId, version: int
    ) -> SealedSecrets:
        place = _place(tenant_id, venue, credential_id, version)
        data_key, nonce = randomness.token_bytes(KEY_BYTES), randomness.token_bytes(_NONCE_BYTES)
        text = json.dumps([secrets.api_key, secrets.api_secret, secrets.passphrase, dict(secrets.fields)]).encode()
        master = self._keys.active()
        return SealedSecrets(
            key_id=master.id,
            wrapped_key=_wrap(master, data_key, place),
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, text, place),
        )

    def open(
        self,
        sealed: SealedSecrets,
        *,
        tenant_id: TenantId,
        venue: VenueId,
        credential_id: CredentialId,
        version: int,
    ) -> Secrets:
        place = _place(tenant_id, venue, credential_id, version)
        data_key = self._unwrap(sealed, place)
        try:
            text = AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, place)
        except (InvalidTag, ValueError):
            raise CannotOpen(_CHANGED) from None
        api_key, api_secret, passphrase, *more = json.loads(text)
        return Secrets(api_key, api_secret, passphrase, *more)  # a record of before further fields has none

    def rewrap(
        self,
        sealed: SealedSecrets,
        *,
        tenant_id: TenantId,
        venue: VenueId,
        credential_id: CredentialId,
        version: int,
    ) -> SealedSecrets:
        master = self._keys.active()
        if sealed.key_id == master.id:
            return sealed
        place = _place(tenant_id, venue, credential_id, version)
        wrapped_key = _wrap(master, self._unwrap(sealed, place), place)
        return SealedSecrets(master.id, wrapped_key, sealed.nonce, sealed.ciphertext)

    def _unwrap(self, sealed: SealedSecrets, place: bytes) -> bytes:
        master = self._keys.find(sealed.key_id)
        if master is None:
            raise CannotOpen(f"the master key {sealed.key_id} is not on the key ring")
        nonce, wrapped = sealed.wrapped_key[:_NONCE_BYTES], sealed.wrapped_key[_NONCE_BYTES:]
        try:
            return AESGCM(derive(master.secret, _USE)).decrypt(nonce, wrapped, place)
        except (InvalidTag, ValueError):
            raise CannotOpen(_CHANGED) from None


def _wrap(master: MasterKey, data_key: bytes, place: bytes) -> bytes:
    nonce = randomness.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(derive(master.secret, _USE)).encrypt(nonce, data_key, place)


def _place(tenant_id: TenantId, venue: VenueId, credential_id: CredentialId, version: int) -> bytes:
    return f"cadenza credential|{tenant_id}|{venue.venue}|{venue.environment}|{credential_id}|{version}".encode()
