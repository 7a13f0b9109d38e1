"""Connect an account: check that the credentials reach it, adopt its balances, positions and open orders, then let it
trade."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.follow_credentials import FollowCredentials, locked_with
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.reached_accounts import reached_accounts
from cadenza.application.accounts.views import AccountView, with_credentials
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.orders.apply_report import ApplyReports
from cadenza.application.orders.ask_venue import AskVenue
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
from cadenza.domain.evolve import evolve
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.domain.trading.adopt import take_over_expiry
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, Report
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import adopt_snapshot, untraded_of, without_untraded
from cadenza.domain.trading.venue_spec import Books
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.venue import AccountSnapshot, ExecutionSession

Opened = list[tuple[Credential, Secrets]]
"""Live credentials with their secrets, as of the request to the venue; the first one signs."""

RECONNECTABLE = frozenset({AccountStatus.SETUP, AccountStatus.LOCKED})
"""A connect reactivates accounts in these states with the given credentials. Of other accounts, the given
credentials become further ones."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """A change: an account to be reactivated gets these credentials and the venue's current description. Where the
    venue's snapshots have balances, the former snapshot is void. How far the news of the account is complete stays as
    it was, so that reconciling replays what happened meanwhile. The operation continues until `AdoptSnapshot` ends it.
    Other accounts stay as they are, and the operation ends; an archived account is refused.
    """

    account_id: TradingAccountId
    external: ExternalAccount
    credential_ids: tuple[CredentialId, ...]
    operation: Operation

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> TradingAccount:
        account = state.account(self.account_id)
        account.require_connected()  # it may have been archived while the venue was asked, which is final
        if account.status not in RECONNECTABLE:
            state.finish_operation(self.operation)
            return account
        changed = replace(
            account,
            external=self.external,
            credential_ids=self.credential_ids,
            updated_at_ms=state.world.now_ms,
            adopted_at_ms=None if state.spec_of(account).snapshots else account.adopted_at_ms,
            former_adopted_at_ms=_last_adopted_ms(account),
        )
        state.put_account(changed)
        state.emit(changed.id, AccountUpdated(changed))
        return state.account(self.account_id)


@dataclass(frozen=True, slots=True)
class Adopted:
    """The account after `AdoptSnapshot`, and what of the snapshot was refused or could not be read. Those reports are
    still to be kept."""

    account: TradingAccount
    refused: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptSnapshot:
    """A change: adopt balances, positions and open orders, and let the account trade. Where our ledger keeps the books,
    fills later than the snapshot move money from now on. Earlier fills, which reconciling finds, only fill their
    orders, because the snapshot contains their money. A snapshot without balances contains no money: a ledger of ours
    that continues from a former snapshot (`TradingAccount.former_adopted_at_ms`) then continues from that one, and
    fills later than it move money. Reports that arrive while the account has no snapshot to continue from are not
    applied at all; reconciling brings them. Open orders and positions that are refused, because the account does not
    trade them, do not hold up the rest. An account that another connect has reactivated meanwhile stays as it is and
    continues from that snapshot. `expiring` are orders that the platform had to expire when an earlier connection of
    the same external account was ended; those that still work are expired in this one.
    """

    account_id: TradingAccountId
    snapshot: AccountSnapshot
    operation: Operation
    expiring: Sequence[Order] = ()

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        ApplyReports(self.snapshot.open_orders).name_keys(keys)
        keys.reserving.add(self.account_id)

    def decide(self, state: TradingState) -> Adopted:
        account = state.account(self.account_id)
        account.require_connected()  # it may have been archived while the venue was asked, which is final
        if account.status not in RECONNECTABLE:
            state.finish_operation(self.operation)
            return Adopted(account)
        self._adopt_books(state, account)
        refused = [order for order in self.snapshot.open_orders if _is_refused(state, order)]
        for former in self.expiring:
            take_over_expiry(state, self.account_id, former)
        active = state.account(self.account_id).with_status(AccountStatus.ACTIVE, state.world.now_ms)
        state.put_account(active)
        state.emit(active.id, AccountUpdated(active))
        state.finish_operation(self.operation)
        untraded = untraded_of(state, self.account_id, self.snapshot.positions or ())
        return Adopted(state.account(self.account_id), (*self.snapshot.unreadable, *refused, *untraded))

    def _adopt_books(self, state: TradingState, account: TradingAccount) -> None:
        snapshot, former_ms = self.snapshot, _last_adopted_ms(account)
        is_continued = snapshot.balances is None and former_ms is not None and state.books_of(account) is Books.OURS
        complete_until_ms = account.complete_until_ms
        changed = replace(
            account,
            adopted_at_ms=former_ms if is_continued else snapshot.at_ms,
            complete_until_ms=snapshot.at_ms if complete_until_ms is None else complete_until_ms,
            former_adopted_at_ms=None,
        )
        state.put_account(changed)
        if not is_continued:
            adopt_snapshot(
                state,
                account.id,
                snapshot.balances,
                without_untraded(state, account.id, snapshot.positions),
                as_of=snapshot.as_of,
                at_ms=snapshot.at_ms,
                is_whole=snapshot.is_whole,
            )


class ConnectAccount:
    """The use case. Connecting an external account again returns the existing account, or creates a new one after a
    disconnect."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        sessions: Sessions,
        keys: Keys,
        changer: AccountChanger,
        follow: FollowCredentials,
        ask_venue: AskVenue,
        reconcile: Reconcile,
        key_rights: WatchKeyRights,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
    ) -> None:
        self._follow = follow
        self._ask_venue = ask_venue
        self._reconcile = reconcile
        self._storage = storage
        self._committer = committer
        self._sessions = sessions
        self._keys = keys
        self._changer = changer
        self._key_rights = key_rights
        self._clock = clock
        self._concurrency = concurrency
        self._ids = ids

    async def __call__(
        self, actor: Actor, credential_ids: tuple[CredentialId, ...], external_id: str, nickname: str | None
    ) -> AccountView:
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        opened = await self._open(actor, credential_ids)
        first = opened[0][0]
        actor.require_access(first.venue_id)
        async with self._storage.read() as uow:
            existing = await uow.accounts.find_connected(actor.tenant_id, first.venue_id, external_id)
        if existing is not None and existing.status not in RECONNECTABLE:
            return await self._view(await self._with_further(existing, opened))
        external = await self._reached(opened, external_id)
        used = tuple(dict.fromkeys(credential_ids))
        if existing is None:
            account, operation = await self._add(actor, first, external, used, nickname)
        else:
            account, operation = await self._bring_back(actor, existing, external, used)
        if operation is None:
            return await self._view(account)
        return await self._view(await self.activate(account, opened, operation, actor.origin))

    async def _with_further(self, account: TradingAccount, opened: Opened) -> TradingAccount:
        """Return the connected account with the given credentials among its own, provided that the venue says that
        they reach it. The one that signs stays. Raises `ExternalAccountNotReachable`."""
        further = [each for each in opened if each[0].id not in account.credential_ids]
        if not further:
            return account
        await self._reached(further, account.external.external_id)
        added = tuple(credential.id for credential, _ in further)
        changed = await self._committer.commit(AccountChange(account.id, partial(_also_reached_by, added), None))
        await self._is_overtaken(changed, further)
        return await self._changer.find(account.tenant_id, account.id)

    async def activate(
        self, account: TradingAccount, opened: Opened, operation: Operation, origin: Origin = PLATFORM
    ) -> TradingAccount:
        """Open the session, adopt the account and make it ACTIVE. `origin` is the user who connects it, or the platform
        where it completes a connect that was interrupted. A failure archives the new account and is raised."""
        self._sessions.hold_orders(account)
        try:
            session, adopted = await self._adopt(account, opened[0], operation, origin)
            if await self._is_overtaken(adopted, opened):
                return await self._changer.find(account.tenant_id, account.id)
            try:
                await self._reconcile(account.id, session)
            except CadenzaError:  # it is connected all the same: the keeper opens the session again, and reconciles
                await self._sessions.close(account.id)
            return adopted
        finally:
            self._sessions.release_orders(account.id)

    async def _adopt(
        self, account: TradingAccount, signs: tuple[Credential, Secrets], operation: Operation, origin: Origin
    ) -> tuple[ExecutionSession, TradingAccount]:
        signer, secrets = signs
        try:
            session = await self._sessions.open(account, secrets, signer)
            snapshot = await self._ask_venue.snapshot(session)
            async with self._storage.read() as uow:
                expiring = await uow.orders.revoked_before_expiry(account)
            change = AdoptSnapshot(account.id, snapshot, operation, expiring)
            adopted = await self._committer.commit(change, origin)
        except CadenzaError as error:
            await self._sessions.close(account.id)
            await self._changer.fail(operation, error.code)
            if account.status is AccountStatus.SETUP:
                await self._committer.commit(AccountChange(account.id, _given_up, None))
            raise
        await self._ask_venue.book(adopted.refused)
        return session, adopted.account

    async def _is_overtaken(self, account: TradingAccount, opened: Opened) -> bool:
        """Return whether keys were changed while the venue was asked, so that another key signs for the account or the
        account is locked. Until that is known, the present key must not go on signing. A change of a credential locks
        the credential and then looks which accounts use it. This method takes the same lock after the account was
        written. So either it sees the change, or the change sees the account.
        """
        try:
            async with self._storage.begin() as uow:
                # Another connect may have reactivated it, with other keys. One order of locking for all connects.
                used = sorted((key for key, _ in opened if key.id in account.credential_ids), key=lambda key: key.id)
                current = [await self._keys.current(uow, key, lock=True) for key in used]
            changed = [key for key in current if key not in used]
            rotated = [key for key in changed if key.status is CredentialStatus.CREATED]
            if rotated and not await self._is_reached_again(account, rotated):
                return True
            signer = opened[0][0]
            if signer in current:
                return False
            if any(key.id == signer.id and key not in rotated for key in changed):
                await self._follow(await self._changer.begin(account, OperationType.CREDENTIAL_REVOKE))
            else:
                await self._follow.sign_again(account.id)
        except BaseException:  # after any failure it is unknown which key may sign
            await self._sessions.close(account.id)
            raise
        return True

    async def _is_reached_again(self, account: TradingAccount, rotated: list[Credential]) -> bool:
        """Return whether the rotated keys reach the account as the former ones did. The rotation could not check that,
        because the account was not visible to it yet. If they do not, or if the venue does not answer, the account is
        locked."""
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
        except CredentialRevoked:  # by a change of the credential that saw the account
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
        """Return the external account. Raises `ExternalAccountNotReachable` unless every credential reaches it."""
        found = None
        for credential, secrets in opened:
            connector = self._sessions.connector(credential.venue_id)
            accounts = await reached_accounts(connector, credential, secrets, self._key_rights, self._concurrency)
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
        """Write the account (SETUP) and the PENDING operation in one transaction. No operation is written when another
        request has connected the same account meanwhile."""
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
            account = await _with_brake(uow, account)
            if not await uow.accounts.add(account):
                other = await uow.accounts.find_connected(actor.tenant_id, first.venue_id, external.external_id)
                if other is None:
                    raise AccountDisconnected("the trading account was disconnected meanwhile; connect it again")
                return other, None
            await uow.operations.add(operation)
            await uow.commit()
        return account, operation

    async def _bring_back(
        self,
        actor: Actor,
        existing: TradingAccount,
        external: ExternalAccount,
        credential_ids: tuple[CredentialId, ...],
    ) -> tuple[TradingAccount, Operation | None]:
        """Write the PENDING operation, then give the account its credentials. No operation is left when another request
        has reactivated the account meanwhile. Raises `AccountDisconnected` when the account was archived meanwhile."""
        operation = await self._changer.begin(existing, OperationType.CONNECT)
        try:
            change = Reconnect(existing.id, external, credential_ids, operation)
            account = await self._committer.commit(change, actor.origin)
        except CadenzaError as error:
            await self._changer.fail(operation, error.code)
            raise
        return account, operation if account.status in RECONNECTABLE else None

    async def _view(self, account: TradingAccount) -> AccountView:
        async with self._storage.read() as uow:
            return (await with_credentials(uow, [account]))[0]


def _last_adopted_ms(account: TradingAccount) -> int | None:
    """Return the instant of the snapshot from which the account continues, or continued last."""
    return account.former_adopted_at_ms if account.adopted_at_ms is None else account.adopted_at_ms


def _is_refused(state: TradingState, order: ExternalOrderReport) -> bool:
    """Adopt an open order; return whether it was refused, which leaves the state as it was."""
    savepoint = state.savepoint()
    try:
        apply_report(state, order)
    except CadenzaError:
        state.roll_back(savepoint)
        return True
    return False


def _also_reached_by(added: tuple[CredentialId, ...], account: TradingAccount, now_ms: int) -> TradingAccount:
    """Add credentials to a connected account. One that was reactivated or archived meanwhile has its own already."""
    account.require_connected()
    credential_ids = tuple(dict.fromkeys((*account.credential_ids, *added)))
    if credential_ids == account.credential_ids:
        return account
    return evolve(account, credential_ids=credential_ids, updated_at_ms=now_ms)


def _given_up(account: TradingAccount, now_ms: int) -> TradingAccount:
    """SETUP → DISCONNECTED. An account in any other state stays as it is."""
    if account.status is not AccountStatus.SETUP:
        return account
    return account.with_status(AccountStatus.DISCONNECTED, now_ms)


async def _with_brake(uow: UnitOfWork, account: TradingAccount) -> TradingAccount:
    """Return a new account with its tenant's trading mode, and with the mode and the limits of the account that was
    connected to the same external account last, and with what these measured: disconnecting and connecting again must
    not lift them. Its armed
    dead-man's switch guards the new account."""
    external_id = account.external.external_id
    former = await uow.accounts.find_former(account.tenant_id, account.venue_id, external_id)
    tenant_mode = await uow.brake.tenant_mode(account.tenant_id, lock=True)
    account = evolve(account, tenant_trading_mode=tenant_mode)
    if former is None:
        return account
    await uow.brake.move_switch(former.id, account.id)
    return evolve(account, trading_mode=former.trading_mode, risk=former.risk)
