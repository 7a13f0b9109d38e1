"""Whom a TLS client trusts."""

import ssl
from pathlib import Path


def client_tls(*, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that checks the server's certificate and its name.

    The trusted authorities are the system's, or those in `ca_file` (PEM) and no others: that is for simulators and
    private hosts. There is no way to switch the checks off. Reads files: make it at the start, not on the event loop.
    Raises `OSError` when the file cannot be read and `ssl.SSLError` when it holds no certificate.
    """
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
