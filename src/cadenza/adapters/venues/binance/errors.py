"""What this folder raises when it cannot read a payload. The caller decides what that means: the outcome of a request
is unknown, an instrument is refused, a message of a stream is set aside."""


class UnreadablePayload(Exception):
    """The payload is not what the venue's documents describe. The message says where; it never holds a whole
    payload."""


class UnknownMember(UnreadablePayload):
    """An enum has a member that its table does not list. Nothing is guessed: `table` names the enum and `text` is the
    member as the venue wrote it."""

    def __init__(self, table: str, text: str) -> None:
        super().__init__(f"{table} has no entry for {text[:64]!r}")
        self.table = table
        self.text = text
