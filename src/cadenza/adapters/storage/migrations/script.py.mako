"""${message}."""

from cadenza.adapters.storage.migrations import execute_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    execute_script(
        """
        ${upgrades if upgrades else ""}
        """
    )
