"""Users and the tenants they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import Access, TenantId, UserId

ROLE = "authenticated"
"""The role of every user who logged in, in tokens and on the wire."""

OWNER_SCOPES = frozenset(Scope)
"""Scopes of the user whose sign-up made the tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer. Every user, account and credential belongs to one tenant. `access` lists the environments that it may
    use."""

    id: TenantId
    name: str
    access: frozenset[Access]
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or a program that logs in. `access` is the tenant's.

    `email` is normalised (`domain/identity/email.py`) and unique among users with a password; None only for a user of
    an external issuer (`is_external`) that gave no address. `email_confirmed_at_ms` is when the user proved to have
    access to that mailbox.
    """

    id: UserId
    tenant_id: TenantId
    email: str | None
    scopes: frozenset[Scope]
    access: frozenset[Access]
    is_operator: bool
    is_external: bool = False
    created_at_ms: int
    updated_at_ms: int
    email_confirmed_at_ms: int | None = None
    last_sign_in_at_ms: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
