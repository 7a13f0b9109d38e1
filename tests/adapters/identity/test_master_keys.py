"""The database knows its master keys: a wrong ring is refused at start, and rotation works while rows come and go."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cadenza.adapters.storage.master_keys import (
    WrongMasterKey,
    forget_master_key,
    keys_in_use,
    prove_master_keys,
    rewrap_batch,
)
from cadenza.adapters.vault.keyring import KeyRing, MasterKey
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.ids import CredentialId, Environment, TenantId, Venue, VenueId
from cadenza.ports.storage.accounts import SealedSecrets
from cadenza.ports.vault import CannotOpen

OLD, NEW = (MasterKey(secrets.token_bytes(32)) for _ in range(2))
TENANT = TenantId(uuid.UUID(int=1))
VENUE = VenueId(Venue.OKX, Environment.UAT)


@pytest.fixture
async def connection(database_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_dsn)
    yield connection
    await connection.close()


async def add_credential(connection: asyncpg.Connection, keys: KeyRing, api_key: str) -> CredentialId:
    credential_id = CredentialId(uuid.uuid4())
    sealed = AesGcmSealer(keys).seal(
        Secrets(api_key, "secret", "pass"), tenant_id=TENANT, venue=VENUE, credential_id=credential_id, version=1
    )
    await connection.execute(
        """
        INSERT INTO credentials (id, tenant_id, user_id, venue, environment, type, nickname, status, created_at_ms,
                                 updated_at_ms, version, key_id, wrapped_key, nonce, ciphertext)
        VALUES ($1, $2, $2, 'OKX', 'UAT', 'API_KEY', '', 'CREATED', 0, 0, 1, $3, $4, $5, $6)
        """,
        credential_id,
        TENANT,
        sealed.key_id,
        sealed.wrapped_key,
        sealed.nonce,
        sealed.ciphertext,
    )
    return credential_id


async def opened(connection: asyncpg.Connection, keys: KeyRing) -> set[str]:
    rows = await connection.fetch("SELECT id, key_id, wrapped_key, nonce, ciphertext FROM credentials")

    def open_one(row: Any) -> Secrets:
        sealed = SealedSecrets(row["key_id"], row["wrapped_key"], row["nonce"], row["ciphertext"])
        return AesGcmSealer(keys).open(
            sealed, tenant_id=TENANT, venue=VENUE, credential_id=CredentialId(row["id"]), version=1
        )

    return {open_one(row).api_key for row in rows}


async def test_the_right_ring_proves_itself_at_every_start(connection: asyncpg.Connection) -> None:
    for _ in range(2):
        await prove_master_keys(connection, KeyRing((OLD,)))
    await add_credential(connection, KeyRing((OLD,)), "k")
    await prove_master_keys(connection, KeyRing((OLD,)))
    await prove_master_keys(connection, KeyRing((NEW, OLD)))


async def test_a_ring_without_a_needed_key_is_refused_with_advice(connection: asyncpg.Connection) -> None:
    await prove_master_keys(connection, KeyRing((OLD,)))
    await add_credential(connection, KeyRing((OLD,)), "k")
    with pytest.raises(WrongMasterKey, match=f"{OLD.id}.*1 credentials.*restore"):
        await prove_master_keys(connection, KeyRing((NEW,)))


async def test_a_new_ring_is_fine_while_nothing_is_sealed(connection: asyncpg.Connection) -> None:
    await prove_master_keys(connection, KeyRing((OLD,)))
    await prove_master_keys(connection, KeyRing((NEW,)))


async def test_rotation_rewraps_all_in_batches_also_those_that_come_meanwhile(
    connection: asyncpg.Connection, database_dsn: str
) -> None:
    old, both = KeyRing((OLD,)), KeyRing((NEW, OLD))
    for number in range(7):
        await add_credential(connection, old, f"k{number}")
    server = await asyncpg.connect(database_dsn)

    async def rotate() -> list[int]:
        counts = [await rewrap_batch(connection, AesGcmSealer(both), NEW.id, rows_max=3)]
        await add_credential(server, old, "late")
        while counts[-1]:
            counts.append(await rewrap_batch(connection, AesGcmSealer(both), NEW.id, rows_max=3))
            assert await opened(server, both) >= {f"k{number}" for number in range(7)}
        return counts

    assert sum(await rotate()) == 8
    assert await keys_in_use(connection) == {NEW.id: 8}
    assert await opened(connection, KeyRing((NEW,))) == {"late", *(f"k{number}" for number in range(7))}
    await forget_master_key(connection, OLD.id)
    await prove_master_keys(connection, KeyRing((NEW,)))
    await server.close()


async def test_two_rotations_at_once_do_each_row_once(connection: asyncpg.Connection, database_dsn: str) -> None:
    both = KeyRing((NEW, OLD))
    for number in range(6):
        await add_credential(connection, KeyRing((OLD,)), f"k{number}")
    other = await asyncpg.connect(database_dsn)
    counts = await asyncio.gather(*(rewrap_batch(c, AesGcmSealer(both), NEW.id) for c in (connection, other)))
    assert sum(counts) == 6
    assert len(await opened(connection, KeyRing((NEW,)))) == 6
    await other.close()


async def test_a_row_that_does_not_open_stops_the_rotation_and_changes_nothing(connection: asyncpg.Connection) -> None:
    ids = [await add_credential(connection, KeyRing((OLD,)), f"k{number}") for number in range(3)]
    await connection.execute("UPDATE credentials SET version = 2 WHERE id = $1", ids[1])
    with pytest.raises(CannotOpen):
        await rewrap_batch(connection, AesGcmSealer(KeyRing((NEW, OLD))), NEW.id)
    assert await keys_in_use(connection) == {OLD.id: 3}
