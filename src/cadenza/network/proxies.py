"""Which proxy a URL goes through."""

from collections.abc import Mapping
from urllib.parse import urlsplit

_SCHEME_OF = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class ProxyChoice:
    """The proxy for a URL: the explicit one for every URL, else what the environment says.

    Of the environment, `HTTPS_PROXY` serves https and wss, `HTTP_PROXY` http and ws, `ALL_PROXY` both; `NO_PROXY` lists
    hosts, host:port, domains (with all hosts in them) or `*` that are reached without one. Lower case wins over upper
    case, and an empty value means none. A proxy is `http://[user:password@]host:port`; anything else raises
    `ValueError` when this object is made.
    """

    def __init__(self, *, explicit: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._explicit = _checked(explicit) if explicit else None
        values = {name.lower(): value for name, value in (environment or {}).items() if name.isupper()}
        values |= {name: value for name, value in (environment or {}).items() if name.islower()}
        everywhere = values.get("all_proxy", "")
        found = {scheme: values.get(f"{scheme}_proxy", everywhere) for scheme in ("http", "https")}
        self._by_scheme = {scheme: _checked(proxy) for scheme, proxy in found.items() if proxy}
        self._direct = [entry.lower() for entry in values.get("no_proxy", "").replace(",", " ").split()]

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy's URL, or None for a direct connection."""
        if self._explicit is not None:
            return self._explicit
        if not self._by_scheme:
            return None
        parts = urlsplit(url)
        proxy = self._by_scheme.get(_SCHEME_OF.get(parts.scheme, ""))
        return None if proxy is None or self._is_direct(parts.hostname or "", parts.port) else proxy

    def _is_direct(self, host: str, port: int | None) -> bool:
        for entry in self._direct:
            name = entry.removeprefix("*").removeprefix(".")
            if entry == "*" or host == name or f"{host}:{port}" == name or host.endswith(f".{name}"):
                return True
        return False


def _checked(proxy: str) -> str:
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("a proxy must be given as http://host:port")  # its value may hold a password
    return proxy
