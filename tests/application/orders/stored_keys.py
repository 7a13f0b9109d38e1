"""Credentials in the database, sealed as they are in earnest."""

from cadenza.adapters.vault.keyring import KEY_BYTES, KeyRing, MasterKey
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.application.accounts.keys import Keys
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.ids import PAPER, CredentialId
from cadenza.ports.storage import Storage
from tests.application.orders.order_world import ACTOR
from tests.domain.trading.worlds import NOW_MS, TENANT

RING = KeyRing((MasterKey(bytes(KEY_BYTES)),))


def keys() -> Keys:
    return Keys(sealer=AesGcmSealer(RING))


async def store_credentials(storage: Storage, *ids: CredentialId) -> None:
    async with storage.begin() as uow:
        for id in ids:
            credential = Credential(
                id=id, tenant_id=TENANT, user_id=ACTOR.user_id, venue_id=PAPER, type=CredentialType.HMAC, nickname="",
                status=CredentialStatus.CREATED, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
            )  # fmt: skip
            await uow.credentials.add(credential, keys().seal(credential, secrets_of("first", id)))
        await uow.commit()


def secrets_of(which: str, id: CredentialId) -> Secrets:
    return Secrets(f"{which} {id}", "secret", None)
