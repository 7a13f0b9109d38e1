"""Keys that a venue refuses while others take their place."""

import asyncio
from dataclasses import replace
from typing import Any

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.errors import CredentialRejected
from tests.scripted.kinds import only
from tests.scripted.specs import STREAMED
from tests.scripted.world import KEYS, Trader, World


@only(STREAMED)
async def test_a_late_refusal_of_the_old_key_leaves_the_new_one_s_session_alone(world: World, trader: Trader) -> None:
    process = world.process
    connector = process.connectors[trader.account.venue_id]
    open_session = connector.open_session
    asked, answers = asyncio.Event(), asyncio.Event()

    async def refuse_late(*arguments: Any) -> Any:
        connector.open_session = open_session
        asked.set()
        await answers.wait()
        raise CredentialRejected("the venue deleted this key")

    connector.open_session = refuse_late
    trader.session.end("the key was refused")
    await trader.session.delivered()
    await process.keeper.tick()
    await asked.wait()
    async with process.storage.begin() as uow:
        credential, _ = await KEYS.find(uow, trader.account.tenant_id, trader.account.credential_ids[0], lock=True)
        rotated = replace(credential, version=credential.version + 1)
        secrets = Secrets(f"key of {trader.at.external_id}", "another secret", None)
        await uow.credentials.update(rotated, KEYS.seal(rotated, secrets))
        await uow.commit()
    await process.open_session.again(trader.id)
    assert trader.takes_orders is False, "the first opening has not ended"
    answers.set()
    await process.drain()
    assert (await trader.stored()).status is AccountStatus.ACTIVE
    assert process.trading.sessions.signer(trader.id) == rotated
    assert trader.takes_orders
    assert world.alarms.sounded == []
