"""What the use cases of the machine's administrator share: how a user is named, and what the audit log keeps."""

from uuid import UUID

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.origin import Origin
from cadenza.domain.identity.user import User
from cadenza.domain.ids import UserId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import UnitOfWork

COMMAND_LINE = "command line"
"""The client of an origin that has no network address."""


async def locked_user(uow: UnitOfWork, name: str) -> User:
    """Return the user with that e-mail address and a password, or with that id, locked until the transaction ends.
    Raises `InvalidRequest` when there is none."""
    try:
        user = await uow.identity.get_user(UserId(UUID(name)), lock=True)
    except ValueError:
        found = await uow.identity.find_login(normalise_email(name), lock=True)
        user = None if found is None else found[0]
    if user is None:
        raise InvalidRequest(f"there is no user {name}")
    return user


class AdministratorsAudit:
    """Makes audit entries of what was done to a user from the command line."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    def entry(self, user: User, kind: AuditKind, **facts: str) -> AuditEntry:
        return AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=user.tenant_id,
            kind=kind,
            at_ms=self._clock.now_ms(),
            origin=Origin(user_id=user.id, key_id=None, request_id="", client=COMMAND_LINE),
            subject=str(user.id),
            facts=facts,
        )
