"""Credentials."""

from cadenza.adapters.http.endpoint import HttpCall, listing
from cadenza.application.paging import Page
from cadenza.domain.ids import CredentialId
from cadenza.wire import credentials as wire
from cadenza.wire.accounts import TradingAccountModel, account_view
from cadenza.wire.base import PAGE_ITEMS_MAX
from cadenza.wire.credentials import TradingAccountCredential, trading_account_credential
from cadenza.wire.enums import CREDENTIAL_TYPE
from cadenza.wire.envelope import Listing, Success
from cadenza.wire.venues import parse_venue


async def list_credentials(
    call: HttpCall, asked: wire.ListTradingAccountCredentialsQuery
) -> Listing[TradingAccountCredential]:
    statuses = asked.statuses()
    found = await call.use_cases.list_credentials(
        call.actor,
        CREDENTIAL_TYPE.read_optional("credentialType", asked.credential_type),
        next(iter(statuses)) if len(statuses) == 1 else None,
        None if asked.credential_ids is None else tuple(CredentialId(id) for id in asked.credential_ids),
    )
    shown = [credential for credential in found if credential.status in statuses]
    page = Page(items=shown, total=len(shown), offset=0, limit=max(len(shown), PAGE_ITEMS_MAX), has_next=False)
    return await listing(page, trading_account_credential)


async def create(
    call: HttpCall, asked: wire.CreateTradingAccountCredentialRequest
) -> Success[TradingAccountCredential]:
    credential = await call.use_cases.create_credential(
        call.actor,
        parse_venue(asked.venue),
        asked.nickname,
        CREDENTIAL_TYPE.read("credentialType", asked.credential_type),
        asked.api_key,
        asked.api_secret,
        asked.api_passphrase,
    )
    return Success(data=trading_account_credential(credential))


async def revoke(
    call: HttpCall, asked: wire.RevokeTradingAccountCredentialRequest
) -> Success[TradingAccountCredential]:
    credential = await call.use_cases.revoke_credential(call.actor, CredentialId(asked.credential_id))
    return Success(data=trading_account_credential(credential))


async def rotate(
    call: HttpCall, asked: wire.RotateTradingAccountCredentialRequest
) -> Success[TradingAccountCredential]:
    credential = await call.use_cases.rotate_credential(
        call.actor, CredentialId(asked.credential_id), asked.api_key, asked.api_secret, asked.api_passphrase
    )
    return Success(data=trading_account_credential(credential))


async def verify(
    call: HttpCall, asked: wire.VerifyTradingAccountCredentialRequest
) -> Success[list[TradingAccountModel]]:
    found = await call.use_cases.verify_credentials(call.actor, tuple(CredentialId(id) for id in asked.credential_ids))
    return Success(data=[account_view(view) for view in found])
