"""The schema's history. Revisions are plain SQL in `versions/NNNN_name.py`, numbered without gaps from 0001.

A revision sets `revision = "NNNN"` and `down_revision` to the number before it (None for 0001), and defines
`upgrade()`, which calls `execute_script`. There is no downgrade: a step back is a new revision.
"""

from alembic import op
from sqlalchemy.util import await_only


def execute_script(sql: str) -> None:
    """Run any number of SQL statements in the revision's transaction.

    `op.execute` takes one statement and reads `:name` as a parameter; this takes the text as it is.
    """
    bind = op.get_bind()
    bind.exec_driver_sql("SELECT 1")  # opens the transaction that the driver's own connection then shares
    connection = bind.connection.dbapi_connection
    assert connection is not None
    await_only(connection.driver_connection.execute(sql))
