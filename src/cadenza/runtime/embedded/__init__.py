"""The parts that run inside our own process group when no outside engine is configured."""

from cadenza.runtime.embedded.errors import EmbeddedPostgresError
from cadenza.runtime.embedded.postgres import EmbeddedPostgres, PostgresStatus

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "PostgresStatus"]
