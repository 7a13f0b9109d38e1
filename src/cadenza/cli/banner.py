"""The text that `cadenza serve` prints when it is ready."""

from cadenza.runtime.config import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def banner(settings: Settings, dsn_kind: str) -> str:
    """The addresses, the data directory, and three commands to paste next.

    `settings.port` must be the port really listened on; `dsn_kind` names the database ("embedded PostgreSQL 18").
    """
    host = _EVERYWHERE.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    api = f"http://{host}:{settings.port}"
    user = """'{"email": "me@example.com", "password": "correct horse battery"}'"""
    post = "curl -s -H 'Content-Type: application/json'"
    return f"""\
Cadenza is ready.

  API         {api}/api/v3
  Reference   {api}/docs
  Data        {settings.data_dir}
  Database    {dsn_kind}

Paste these next:

  {post} -d {user} {api}/api/v3/auth/signup
  TOKEN=$({post} -d {user} {api}/api/v3/auth/login | sed -E 's/.*"accessToken": *"([^"]+)".*/\\1/')
  curl -s -H "Authorization: Bearer $TOKEN" {api}/api/v3/market/venue/list
"""
