"""docs/errors.md, made of the registry: `python -m cadenza.adapters.http.error_table > docs/errors.md`."""

import sys

from cadenza.adapters.http.errors import status_of
from cadenza.wire.errno import REGISTRY

_HEAD = """\
# Errors

Every reply but `/api/v3/health` is the envelope `{success, errno, error, data[, details][, pagination]}`. An error has
`success: false`, `errno` below zero, a text for people in `error`, and `details` for machines: the stable `code`, the
`resource` and `action` that were asked for, the scopes `required` and `provided` on a 403, `tenant_id`, `request_id`
(also the header `X-Request-Id`) and `metadata`.

An operation answers only with the statuses that the interface lists for it. Where 401, 403 or 404 is not listed, the
status is 400, with the same code; log-out, which lists no 400 either, answers 401 to an API key. `500` always stays
`500`. Sign-up, login and recover have limits of their own that answer `429`; for the other operations `429` means that
the flood limit, far above ordinary use, was exceeded, or that an address goes on sending API keys that are refused.
`429` and a `500` that is temporary come with `Retry-After` in seconds. Numbers and codes never change: each cause keeps
its own, and new causes get new ones.

| errno | code | status | meaning |
|---|---|---|---|
"""


def error_table() -> str:
    """Return the page."""
    rows = sorted(REGISTRY, key=lambda registered: -registered.errno)
    return _HEAD + "".join(f"| {r.errno} | `{r.code}` | {status_of(r.cause)} | {r.meaning} |\n" for r in rows)


if __name__ == "__main__":
    sys.stdout.write(error_table())
