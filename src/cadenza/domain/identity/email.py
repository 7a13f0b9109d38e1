"""E-mail addresses, normalised."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from cadenza.domain.errors import InvalidRequest

EMAIL_CHARS_MAX = 254

email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()  # private networks use .local, .internal and the like


def normalise_email(text: str) -> str:
    """Return the address normalised: lower case, NFC, the domain in Unicode. Raises `InvalidRequest`. Only the form is
    checked; no server is asked. The local part becomes lower case too, because no mail system in use distinguishes
    `Ann@` from `ann@`, and people type both.
    """
    if len(text) > EMAIL_CHARS_MAX:
        raise InvalidRequest("email: too long")
    try:
        validated = validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise InvalidRequest(f"email: {error}") from None
    return unicodedata.normalize("NFC", validated.normalized.lower())
