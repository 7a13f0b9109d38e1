"""Connect an account: check that the credentials reach it, take in what it holds, then let it trade."""

from dataclasses import dataclass, replace

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.follow_credentials import FollowCredentials, locked_with
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.views import AccountView, with_credentials
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, CredentialStatus, Secrets
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, ExternalAccount, TradingAccount
from cadenza.domain.errors import (
    AccountDisconnected,
    CadenzaError,
    CredentialRevoked,
    ExternalAccountNotReachable,
    InvalidRequest,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId, PositionId, TradingAccountId
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.position import Position, closed_unseen
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.venue import AccountSnapshot, ExecutionSession

Opened = list[tuple[Credential, Secrets]]
"""Live credentials with their secrets, as they were when the venue was asked; the first one signs."""

RECONNECTABLE = frozenset({AccountStatus.SETUP, AccountStatus.LOCKED})
"""A connect brings these back to life with the credentials it is given; other accounts are returned as they are."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """A change: an account that is to be brought back is reached by these credentials, and is as the venue describes it
    now; what was adopted before counts no more. The operation goes on, until `AdoptSnapshot` ends it.

    Other accounts stay as they are, which ends the operation; one that was archived is refused.
    """

    account_id: TradingAccountId
    external: ExternalAccount
    credential_ids: tuple[CredentialId, ...]
    operation: Operation

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> TradingAccount:
        account = state.account(self.account_id)
        account.require_connected()  # it may have been archived while the venue was asked, and that is for ever
        if account.status not in RECONNECTABLE:
            state.finish_operation(self.operation)
            return account
        changed = replace(
            account,
            external=self.external,
            credential_ids=self.credential_ids,
            updated_at_ms=state.world.now_ms,
            adopted_at_ms=None,
            heard_until_ms=None,
        )
        state.put_account(changed)
        state.emit(changed.id, AccountUpdated(changed))
        return state.account(self.account_id)


@dataclass(frozen=True, slots=True)
class AdoptSnapshot:
    """A change: take in balances, positions and open orders, and let the account trade.

    From here on fills later than the snapshot move money; earlier ones, which reconciling brings, only fill their
    orders, for the snapshot has their money. What sessions tell before this is decided is not applied at all.
    An account that another connect brought back meanwhile stays as it is: it goes on from that one's snapshot.
    """

    account_id: TradingAccountId
    snapshot: AccountSnapshot
    operation: Operation

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.reserving.add(self.account_id)
        for order in self.snapshot.open_orders:
            if order.order_id is not None:
                keys.orders.add(order.order_id)
            if order.venue_order_id is not None:
                keys.venue_orders.add((self.account_id, order.venue_order_id))

    def decide(self, state: TradingState) -> TradingAccount:
        account = state.account(self.account_id)
        account.require_connected()  # it may have been archived while the venue was asked, and that is for ever
        if account.status not in RECONNECTABLE:
            state.finish_operation(self.operation)
            return account
        adopted = replace(account, adopted_at_ms=self.snapshot.at_ms, heard_until_ms=self.snapshot.at_ms)
        state.put_account(adopted)
        for balance in self.snapshot.balances:
            apply_report(state, balance)
        self._adopt_positions(state)
        for order in self.snapshot.open_orders:
            apply_report(state, order)
        active = state.account(self.account_id).with_status(AccountStatus.ACTIVE, state.world.now_ms)
        state.put_account(active)
        state.emit(active.id, AccountUpdated(active))
        state.finish_operation(self.operation)
        return state.account(self.account_id)

    def _adopt_positions(self, state: TradingState) -> None:
        """Open what the venue shows; what was open here and is not there was closed while nobody listened."""
        shown = {(held.instrument_id, held.side): held for held in self.snapshot.positions}
        for known in state.positions(self.account_id):
            if (known.instrument_id, known.side) not in shown:
                state.put_position(closed_unseen(known, self.snapshot.at_ms))
        for held in shown.values():
            position = state.position(self.account_id, held.instrument_id, held.side) or Position(
                id=PositionId(state.world.new_id()),
                account_id=self.account_id,
                instrument_id=held.instrument_id,
                side=held.side,
                created_at_ms=self.snapshot.at_ms,
                updated_at_ms=self.snapshot.at_ms,
            )
            state.put_position(
                replace(
                    position,
                    quantity=held.quantity,
                    entry_cost=held.quantity * held.entry_price,
                    leverage=held.leverage,
                    updated_at_ms=self.snapshot.at_ms,
                )
            )


class ConnectAccount:
    """The use case. The same external account twice gives the existing one; after a disconnect, a new one."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        sessions: Sessions,
        keys: Keys,
        changer: AccountChanger,
        follow: FollowCredentials,
        reconcile: Reconcile,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._follow = follow
        self._reconcile = reconcile
        self._storage = storage
        self._committer = committer
        self._sessions = sessions
        self._keys = keys
        self._changer = changer
        self._clock = clock
        self._ids = ids

    async def __call__(
        self, actor: Actor, credential_ids: tuple[CredentialId, ...], external_id: str, nickname: str | None
    ) -> AccountView:
        actor.require(Scope.WRITE)
        opened = await self._open(actor, credential_ids)
        first = opened[0][0]
        actor.require_access(first.venue_id)
        async with self._storage.read() as uow:
            existing = await uow.accounts.find_connected(actor.tenant_id, first.venue_id, external_id)
        if existing is not None and existing.status not in RECONNECTABLE:
            return await self._view(existing)
        external = await self._reached(opened, external_id)
        used = tuple(dict.fromkeys(credential_ids))
        if existing is None:
            account, operation = await self._add(actor, first, external, used, nickname)
        else:
            account, operation = await self._bring_back(existing, external, used)
        if operation is None:
            return await self._view(account)
        return await self._view(await self.activate(account, opened, operation))

    async def activate(self, account: TradingAccount, opened: Opened, operation: Operation) -> TradingAccount:
        """Open the session, take in the account, make it ACTIVE. A failure archives the new account and is raised."""
        self._sessions.expect(account)
        try:
            session, snapshot, adopted = await self._adopt(account, opened[0], operation)
            if await self._is_overtaken(adopted, opened):
                return await self._changer.find(account.tenant_id, account.id)
            try:
                await self._reconcile.after_adoption(account.id, session, snapshot.at_ms)
            except CadenzaError:  # it is connected all the same: the keeper opens the session anew, and reconciles
                await self._sessions.close(account.id)
            return adopted
        finally:
            self._sessions.settle(account.id)

    async def _adopt(
        self, account: TradingAccount, signs: tuple[Credential, Secrets], operation: Operation
    ) -> tuple[ExecutionSession, AccountSnapshot, TradingAccount]:
        signer, secrets = signs
        try:
            session = await self._sessions.open(account, secrets, signer)
            snapshot = await session.snapshot()
            return session, snapshot, await self._committer.commit(AdoptSnapshot(account.id, snapshot, operation))
        except CadenzaError as error:
            await self._sessions.close(account.id)
            await self._changer.fail(operation, error.code)
            if account.status is AccountStatus.SETUP:
                await self._committer.commit(AccountChange(account.id, _given_up, None))
            raise

    async def _is_overtaken(self, account: TradingAccount, opened: Opened) -> bool:
        """Whether keys were changed while the venue was asked so that the account does not simply go on: another key
        signs for it, or it is locked. While that is not known, the key that signs is not to go on.

        Who changes a credential locks it, then looks which accounts use it. With the same lock, taken when the account
        is written, either the change is seen here, or the account is seen there.
        """
        try:
            async with self._storage.begin() as uow:
                # Another connect may have brought it back, with other keys. One order of locking for all connects.
                used = sorted((key for key, _ in opened if key.id in account.credential_ids), key=lambda key: key.id)
                current = [await self._keys.current(uow, key, lock=True) for key in used]
            changed = [key for key in current if key not in used]
            rotated = [key for key in changed if key.status is CredentialStatus.CREATED]
            if rotated and not await self._is_reached_anew(account, rotated):
                return True
            signer = opened[0][0]
            if signer in current:
                return False
            if any(key.id == signer.id and key not in rotated for key in changed):
                await self._follow(await self._changer.begin(account, OperationType.CREDENTIAL_REVOKE))
            else:
                await self._follow.sign_anew(account.id)
        except BaseException:
            await self._sessions.close(account.id)
            raise
        return True

    async def _is_reached_anew(self, account: TradingAccount, rotated: list[Credential]) -> bool:
        """Whether the keys that were rotated reach the account as the former ones did, which whoever rotated them could
        not ask: nobody saw the account. If they do not, or nobody can tell, it is locked."""
        try:
            for credential in rotated:
                await self._require_reached(account, credential)
        except CadenzaError as failure:
            operation = await self._changer.begin(account, OperationType.CREDENTIAL_ROTATE)
            await self._sessions.close(account.id)
            await self._committer.commit(AccountChange(account.id, locked_with(account.credential_ids), None))
            await self._changer.fail(operation, failure.code)
            return False
        for _ in rotated:
            await self._changer.note(account, OperationType.CREDENTIAL_ROTATE)
        return True

    async def _require_reached(self, account: TradingAccount, credential: Credential) -> None:
        try:
            async with self._storage.read() as uow:
                renewed = await self._keys.open(uow, account.tenant_id, credential.id)
        except CredentialRevoked:  # just now, by somebody who saw the account
            return
        await self._reached([renewed], account.external.external_id)

    async def _open(self, actor: Actor, credential_ids: tuple[CredentialId, ...]) -> Opened:
        if not credential_ids:
            raise InvalidRequest("credentialIds must name at least one credential")
        async with self._storage.read() as uow:
            opened = [await self._keys.open(uow, actor.tenant_id, i) for i in dict.fromkeys(credential_ids)]
        if len({credential.venue_id for credential, _ in opened}) > 1:
            raise InvalidRequest("the credentials belong to different venues")
        return opened

    async def _reached(self, opened: Opened, external_id: str) -> ExternalAccount:
        """Return the external account; every credential must reach it."""
        found = None
        for credential, secrets in opened:
            accounts = await self._sessions.connector(credential.venue_id).verify(credential.type, secrets)
            matching = [account for account in accounts if account.external_id == external_id]
            if not matching:
                raise ExternalAccountNotReachable(
                    f"the credential {credential.id} does not reach the account {external_id}",
                    {"reachable": [account.external_id for account in accounts]},
                )
            found = found or matching[0]
        if found is None:
            raise ExternalAccountNotReachable(f"the credentials do not reach the account {external_id}")
        return found

    async def _add(
        self,
        actor: Actor,
        first: Credential,
        external: ExternalAccount,
        credential_ids: tuple[CredentialId, ...],
        nickname: str | None,
    ) -> tuple[TradingAccount, Operation | None]:
        """Write the account (SETUP) and the PENDING operation in one transaction; no operation when another request
        connected the same account meanwhile."""
        now_ms = self._clock.now_ms()
        account = TradingAccount(
            id=TradingAccountId(self._ids.new()),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            venue_id=first.venue_id,
            nickname=nickname or "",
            external=external,
            credential_ids=credential_ids,
            status=AccountStatus.SETUP,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        operation = self._changer.new_operation(account, OperationType.CONNECT)
        async with self._storage.begin() as uow:
            if not await uow.accounts.add(account):
                other = await uow.accounts.find_connected(actor.tenant_id, first.venue_id, external.external_id)
                if other is None:
                    raise AccountDisconnected("the trading account was disconnected meanwhile; connect it again")
                return other, None
            await uow.operations.add(operation)
            await uow.commit()
        return account, operation

    async def _bring_back(
        self, existing: TradingAccount, external: ExternalAccount, credential_ids: tuple[CredentialId, ...]
    ) -> tuple[TradingAccount, Operation | None]:
        """Write the PENDING operation, then give the account what it is reached by; no operation is left when another
        request brought it back meanwhile. Raises `AccountDisconnected` when it was archived meanwhile."""
        operation = await self._changer.begin(existing, OperationType.CONNECT)
        try:
            account = await self._committer.commit(Reconnect(existing.id, external, credential_ids, operation))
        except CadenzaError as error:
            await self._changer.fail(operation, error.code)
            raise
        return account, operation if account.status in RECONNECTABLE else None

    async def _view(self, account: TradingAccount) -> AccountView:
        async with self._storage.read() as uow:
            return (await with_credentials(uow, [account]))[0]


def _given_up(account: TradingAccount, now_ms: int) -> TradingAccount:
    """SETUP → DISCONNECTED. Whatever else it has become meanwhile, it stays."""
    if account.status is not AccountStatus.SETUP:
        return account
    return account.with_status(AccountStatus.DISCONNECTED, now_ms)
