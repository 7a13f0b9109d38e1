"""Tenants, users, sessions, invitations, one-time tokens and mail in PostgreSQL."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import asyncpg

from cadenza.adapters.storage.api_keys import key_session_state
from cadenza.domain.errors import EmailTaken, InvalidToken
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.invitation import Invitation, InvitationId, OneTimeToken, TokenPurpose
from cadenza.domain.identity.mail import Mail, MailId, MailStatus
from cadenza.domain.identity.session import Session, SessionState
from cadenza.domain.identity.user import Tenant, User
from cadenza.domain.ids import Access, SessionId, TenantId, UserId

_SELECT_USER = """
    SELECT u.id, u.tenant_id, u.email, u.password_hash, u.issuer, u.scopes, u.is_operator, u.metadata,
           u.email_confirmed_at_ms, u.last_sign_in_at_ms, u.created_at_ms, u.updated_at_ms, t.access
    FROM users u JOIN tenants t ON t.id = u.tenant_id AND u.removed_at_ms IS NULL
"""
_SESSION = """
    id, user_id, external_key, client, refresh_counter, refreshed_at_ms, created_at_ms, expires_at_ms, revoked_at_ms
"""
_MAIL = "id, recipient, subject, body, status, created_at_ms, sent_at_ms"


class IdentitySql:
    """`ports.storage.identity.IdentityRepository` over one connection, in the connection's current transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    # --- tenants

    async def add_tenant(self, tenant: Tenant) -> None:
        await self._connection.execute(
            "INSERT INTO tenants (id, name, access, created_at_ms) VALUES ($1, $2, $3, $4)",
            tenant.id,
            tenant.name,
            _sorted(tenant.access),
            tenant.created_at_ms,
        )

    async def get_tenant(self, tenant_id: TenantId) -> Tenant | None:
        row = await self._connection.fetchrow(
            "SELECT id, name, access, created_at_ms FROM tenants WHERE id = $1", tenant_id
        )
        if row is None:
            return None
        return Tenant(id=row["id"], name=row["name"], access=_access(row), created_at_ms=row["created_at_ms"])

    async def set_access(self, tenant_id: TenantId, access: frozenset[Access]) -> None:
        await self._connection.execute("UPDATE tenants SET access = $2 WHERE id = $1", tenant_id, _sorted(access))

    # --- users

    async def add_user(self, user: User, *, password_hash: str) -> None:
        await self._insert_user(user, password_hash, None, None)

    async def add_external_user(self, user: User, *, issuer: str, subject: str) -> None:
        await self._insert_user(user, None, issuer, subject)

    async def _insert_user(
        self, user: User, password_hash: str | None, issuer: str | None, subject: str | None
    ) -> None:
        try:
            await self._connection.execute(
                """
                INSERT INTO users (id, tenant_id, email, password_hash, issuer, subject, scopes, is_operator, metadata,
                                   email_confirmed_at_ms, last_sign_in_at_ms, created_at_ms, updated_at_ms)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                """,
                user.id,
                user.tenant_id,
                user.email,
                password_hash,
                issuer,
                subject,
                _sorted(user.scopes),
                user.is_operator,
                json.dumps(dict(user.metadata)),
                user.email_confirmed_at_ms,
                user.last_sign_in_at_ms,
                user.created_at_ms,
                user.updated_at_ms,
            )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "users_external":
                raise InvalidToken("the user was removed") from error
            _raise_email_taken(error)

    async def update_user(self, user: User) -> None:
        try:
            await self._connection.execute(
                """
                UPDATE users SET email = $2, metadata = $3, email_confirmed_at_ms = $4, last_sign_in_at_ms = $5,
                                 updated_at_ms = $6
                WHERE id = $1
                """,
                user.id,
                user.email,
                json.dumps(dict(user.metadata)),
                user.email_confirmed_at_ms,
                user.last_sign_in_at_ms,
                user.updated_at_ms,
            )
        except asyncpg.UniqueViolationError as error:
            _raise_email_taken(error)

    async def set_scopes(self, user_id: UserId, scopes: frozenset[Scope], now_ms: int) -> None:
        await self._connection.execute(
            "UPDATE users SET scopes = $2, updated_at_ms = $3 WHERE id = $1", user_id, _sorted(scopes), now_ms
        )

    async def remove_user(self, user_id: UserId, now_ms: int) -> None:
        await self._connection.execute("UPDATE users SET removed_at_ms = $2 WHERE id = $1", user_id, now_ms)

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None:
        await self._connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, password_hash)

    async def get_user(self, user_id: UserId, *, lock: bool = False) -> User | None:
        row = await self._connection.fetchrow(f"{_SELECT_USER} WHERE u.id = $1 {_for_update(lock, 'u')}", user_id)
        return None if row is None else _user(row)

    async def find_login(self, email: str, *, lock: bool = False) -> tuple[User, str] | None:
        row = await self._connection.fetchrow(
            f"{_SELECT_USER} WHERE u.email = $1 AND u.issuer IS NULL {_for_update(lock, 'u')}", email
        )
        return None if row is None else (_user(row), row["password_hash"])

    async def find_external_user(self, issuer: str, subject: str) -> User | None:
        row = await self._connection.fetchrow(f"{_SELECT_USER} WHERE u.issuer = $1 AND u.subject = $2", issuer, subject)
        return None if row is None else _user(row)

    async def lock_external_user(self, issuer: str, subject: str) -> None:
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"external user {issuer} {subject}"
        )

    async def list_users(self, *, offset: int, limit: int) -> Sequence[User]:
        rows = await self._connection.fetch(
            f"{_SELECT_USER} ORDER BY u.created_at_ms DESC, u.id DESC OFFSET $1 LIMIT $2", offset, limit
        )
        return [_user(row) for row in rows]

    # --- sessions

    async def add_session(self, session: Session) -> None:
        await self._connection.execute(
            f"INSERT INTO sessions ({_SESSION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            session.id,
            session.user_id,
            session.external_key,
            session.client,
            session.refresh_counter,
            session.refreshed_at_ms,
            session.created_at_ms,
            session.expires_at_ms,
            session.revoked_at_ms,
        )

    async def update_session(self, session: Session) -> None:
        await self._connection.execute(
            """
            UPDATE sessions SET refresh_counter = $2, refreshed_at_ms = $3, expires_at_ms = $4, revoked_at_ms = $5
            WHERE id = $1
            """,
            session.id,
            session.refresh_counter,
            session.refreshed_at_ms,
            session.expires_at_ms,
            session.revoked_at_ms,
        )

    async def get_session(self, session_id: SessionId, *, lock: bool = False) -> Session | None:
        row = await self._connection.fetchrow(
            f"SELECT {_SESSION} FROM sessions WHERE id = $1 {_for_update(lock, 'sessions')}", session_id
        )
        return None if row is None else Session(**row)

    async def find_external_session(self, external_key: str) -> Session | None:
        row = await self._connection.fetchrow(f"SELECT {_SESSION} FROM sessions WHERE external_key = $1", external_key)
        return None if row is None else Session(**row)

    async def get_session_state(self, session_id: SessionId, now_ms: int) -> SessionState | None:
        row = await self._connection.fetchrow(
            """
            SELECT s.user_id, u.tenant_id, u.scopes, u.is_operator, t.access,
                   s.revoked_at_ms IS NULL AND s.expires_at_ms > $2 AND u.removed_at_ms IS NULL AS is_live
            FROM sessions s JOIN users u ON u.id = s.user_id JOIN tenants t ON t.id = u.tenant_id
            WHERE s.id = $1
            """,
            session_id,
            now_ms,
        )
        if row is None:
            return await key_session_state(self._connection, session_id, now_ms)
        return SessionState(
            session_id=session_id,
            user_id=row["user_id"],
            tenant_id=row["tenant_id"],
            scopes=_scopes(row),
            access=_access(row),
            is_operator=row["is_operator"],
            is_live=row["is_live"],
        )

    async def revoke_sessions(
        self, user_id: UserId, now_ms: int, *, keep: SessionId | None = None
    ) -> Sequence[SessionId]:
        rows = await self._connection.fetch(
            """
            UPDATE sessions SET revoked_at_ms = $2
            WHERE user_id = $1 AND revoked_at_ms IS NULL AND id IS DISTINCT FROM $3
            RETURNING id
            """,
            user_id,
            now_ms,
            keep,
        )
        return [row["id"] for row in rows]

    # --- invitations and one-time tokens

    async def add_invitation(self, invitation: Invitation, digest: bytes) -> None:
        await self._connection.execute(
            """
            INSERT INTO invitations (id, tenant_id, digest, email, scopes, created_by, created_at_ms, expires_at_ms,
                                     used_at_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            invitation.id,
            invitation.tenant_id,
            digest,
            invitation.email,
            _sorted(invitation.scopes),
            invitation.created_by,
            invitation.created_at_ms,
            invitation.expires_at_ms,
            invitation.used_at_ms,
        )

    async def find_invitation(self, digest: bytes) -> Invitation | None:
        row = await self._connection.fetchrow(
            """
            SELECT id, tenant_id, email, scopes, created_by, created_at_ms, expires_at_ms, used_at_ms
            FROM invitations WHERE digest = $1 FOR UPDATE
            """,
            digest,
        )
        return None if row is None else Invitation(**{**row, "scopes": _scopes(row)})

    async def mark_invitation_used(self, invitation_id: InvitationId, now_ms: int) -> None:
        await self._connection.execute("UPDATE invitations SET used_at_ms = $2 WHERE id = $1", invitation_id, now_ms)

    async def put_one_time_token(self, token: OneTimeToken) -> None:
        await self._connection.execute(
            """
            INSERT INTO one_time_tokens (user_id, purpose, digest, created_at_ms, expires_at_ms)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (user_id, purpose) DO UPDATE
            SET digest = excluded.digest, created_at_ms = excluded.created_at_ms, expires_at_ms = excluded.expires_at_ms
            """,
            token.user_id,
            token.purpose.value,
            token.digest,
            token.created_at_ms,
            token.expires_at_ms,
        )

    async def take_one_time_token(self, digest: bytes, purpose: TokenPurpose, now_ms: int) -> UserId | None:
        user_id: UserId | None = await self._connection.fetchval(
            "DELETE FROM one_time_tokens WHERE digest = $1 AND purpose = $2 AND expires_at_ms > $3 RETURNING user_id",
            digest,
            purpose.value,
            now_ms,
        )
        return user_id

    # --- mail

    async def add_mail(self, mail: Mail) -> None:
        await self._connection.execute(
            f"INSERT INTO mails ({_MAIL}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            mail.id,
            mail.to,
            mail.subject,
            mail.text,
            mail.status.value,
            mail.created_at_ms,
            mail.sent_at_ms,
        )

    async def get_mail(self, mail_id: MailId, *, lock: bool = False) -> Mail | None:
        row = await self._connection.fetchrow(
            f"SELECT {_MAIL} FROM mails WHERE id = $1 {_for_update(lock, 'mails')}", mail_id
        )
        return None if row is None else _mail(row)

    async def mark_mail_sent(self, mail_id: MailId, now_ms: int, *, keeps_text: bool) -> None:
        await self._connection.execute(
            """
            UPDATE mails SET status = $3, sent_at_ms = $2, body = CASE WHEN $4 THEN body ELSE '' END
            WHERE id = $1
            """,
            mail_id,
            now_ms,
            MailStatus.SENT.value,
            keeps_text,
        )

    async def list_mails(self, *, offset: int, limit: int) -> Sequence[Mail]:
        rows = await self._connection.fetch(
            f"SELECT {_MAIL} FROM mails ORDER BY created_at_ms DESC, id DESC OFFSET $1 LIMIT $2", offset, limit
        )
        return [_mail(row) for row in rows]

    # --- housekeeping

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        deleted = 0
        for table, ended in _ENDED.items():
            status = await self._connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {ended} LIMIT $2))",
                before_ms,
                rows_max,
            )
            deleted += int(status.removeprefix("DELETE "))
        return deleted


_ENDED = {
    "sessions": "least(expires_at_ms, revoked_at_ms) < $1",
    "invitations": "expires_at_ms < $1",
    "one_time_tokens": "expires_at_ms < $1",
    "mails": "status = 'SENT' AND created_at_ms < $1",
}


def _for_update(lock: bool, table: str) -> str:
    return f"FOR UPDATE OF {table}" if lock else ""


def _sorted(values: frozenset[Access] | frozenset[Scope]) -> list[str]:
    return sorted(value.value for value in values)


def _scopes(row: Any) -> frozenset[Scope]:
    return frozenset(map(Scope, row["scopes"]))


def _access(row: Any) -> frozenset[Access]:
    return frozenset(map(Access, row["access"]))


def _user(row: Any) -> User:
    return User(
        id=row["id"],
        tenant_id=row["tenant_id"],
        email=row["email"],
        scopes=_scopes(row),
        access=_access(row),
        is_operator=row["is_operator"],
        is_external=row["issuer"] is not None,
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        email_confirmed_at_ms=row["email_confirmed_at_ms"],
        last_sign_in_at_ms=row["last_sign_in_at_ms"],
        metadata=json.loads(row["metadata"]),
    )


def _mail(row: Any) -> Mail:
    return Mail(
        id=row["id"],
        to=row["recipient"],
        subject=row["subject"],
        text=row["body"],
        status=MailStatus(row["status"]),
        created_at_ms=row["created_at_ms"],
        sent_at_ms=row["sent_at_ms"],
    )


def _raise_email_taken(error: asyncpg.UniqueViolationError) -> NoReturn:
    if error.constraint_name == "users_email":
        raise EmailTaken("there is a user with this e-mail address") from error
    raise error
