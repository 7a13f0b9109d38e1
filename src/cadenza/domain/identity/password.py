"""The rules for a new password."""

from cadenza.domain.errors import WeakPassword

PASSWORD_CHARS_MIN = 8
PASSWORD_BYTES_MAX = 256


def is_possible_password(password: str) -> bool:
    """Return whether the text can be a password at all. Anything else is refused before the costly hash."""
    try:
        return len(password.encode()) <= PASSWORD_BYTES_MAX
    except UnicodeEncodeError:
        return False


def check_new_password(password: str) -> None:
    """Raise `WeakPassword` unless it has 8 characters or more and 256 bytes of UTF-8 or fewer."""
    if len(password) < PASSWORD_CHARS_MIN:
        raise WeakPassword(f"the password needs at least {PASSWORD_CHARS_MIN} characters")
    if not is_possible_password(password):
        raise WeakPassword(f"the password must be text of at most {PASSWORD_BYTES_MAX} bytes")
