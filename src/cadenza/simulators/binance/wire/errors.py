"""The venue's errors: an HTTP status, a code and the text that clients compare."""

from __future__ import annotations


class VenueRefusal(Exception):
    """A refusal in the venue's words. `retry_after_s` becomes the header `Retry-After`."""

    def __init__(self, code: int, message: str, status: int = 400, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def payload(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message}


def filter_failure(name: str, code: int = -1013) -> VenueRefusal:
    """The gateway refuses with -1013. The filters that only the engine can check refuse with -2010."""
    return VenueRefusal(code, f"Filter failure: {name}")


def order_rejected(message: str) -> VenueRefusal:
    return VenueRefusal(-2010, message)


def cancel_rejected(message: str = "Unknown order sent.") -> VenueRefusal:
    return VenueRefusal(-2011, message)


def not_sent(name: str) -> VenueRefusal:
    return VenueRefusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> VenueRefusal:
    return VenueRefusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal_range: str) -> VenueRefusal:
    return VenueRefusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'.")


def invalid_data(name: str) -> VenueRefusal:
    return VenueRefusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def no_such_order() -> VenueRefusal:
    return VenueRefusal(-2013, "Order does not exist.")


def order_archived() -> VenueRefusal:
    return VenueRefusal(
        -2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
    )


def bad_symbol() -> VenueRefusal:
    return VenueRefusal(-1121, "Invalid symbol.")


def bad_timestamp() -> VenueRefusal:
    return VenueRefusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def timestamp_ahead() -> VenueRefusal:
    return VenueRefusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def bad_signature() -> VenueRefusal:
    return VenueRefusal(-1022, "Signature for this request is not valid.")


def bad_key_format() -> VenueRefusal:
    return VenueRefusal(-2014, "API-key format invalid.", 401)


def key_rejected() -> VenueRefusal:
    return VenueRefusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def timed_out() -> VenueRefusal:
    text = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    return VenueRefusal(-1007, text, 408)
