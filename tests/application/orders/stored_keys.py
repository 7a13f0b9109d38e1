"""Credentials in the database, sealed as they are in earnest."""

from cadenza.adapters.vault.keyring import KEY_BYTES, KeyRing, MasterKey
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.application.accounts.keys import Keys
from cadenza.domain.ids import CredentialId
from cadenza.ports.storage import Storage
from tests.application.orders.order_world import credential_of, secrets_of

RING = KeyRing((MasterKey(bytes(KEY_BYTES)),))


def keys() -> Keys:
    return Keys(sealer=AesGcmSealer(RING))


async def store_credentials(storage: Storage, *ids: CredentialId) -> None:
    async with storage.begin() as uow:
        for id in ids:
            credential = credential_of(id)
            await uow.credentials.add(credential, keys().seal(credential, secrets_of("first", id)))
        await uow.commit()
