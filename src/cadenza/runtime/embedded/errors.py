"""The one error of the embedded database."""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message says why and how to mend it."""
