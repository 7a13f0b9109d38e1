"""Signatures over REST and at the login of a socket; and what a user may give as a key."""

import base64
import hashlib
import hmac

import pytest

from cadenza.adapters.venues.okx.credential import OkxSigner, check_credential, timestamp_of
from cadenza.adapters.venues.okx.spec import OkxRegion
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

KEY, SECRET, PASSPHRASE = "6f3f1a02-2b3c-4d5e-8f90-a1b2c3d4e5f6", "22582BD0CFF14C41EDBF1AB98506286D", "my pass phrase"
AT_MS = 1_607_418_537_715
"""2020-12-08T09:08:57.715Z, the instant of the venue's example."""


def secrets(**changes: str) -> Secrets:
    fields = {
        "passphrase": PASSPHRASE,
        **{name: text for name, text in changes.items() if name in ("passphrase", "region")},
    }
    return Secrets(changes.get("api_key", KEY), changes.get("api_secret", SECRET), None, fields)


def expected(payload: str) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).digest()).decode()


def test_a_request_is_signed_over_its_timestamp_method_path_and_body() -> None:
    signer = OkxSigner(CredentialType.HMAC, secrets())
    headers = signer.headers("GET", "/api/v5/account/balance?ccy=BTC", "", AT_MS)
    assert headers["OK-ACCESS-TIMESTAMP"] == "2020-12-08T09:08:57.715Z"
    assert headers["OK-ACCESS-SIGN"] == expected("2020-12-08T09:08:57.715ZGET/api/v5/account/balance?ccy=BTC")
    assert (headers["OK-ACCESS-KEY"], headers["OK-ACCESS-PASSPHRASE"]) == (KEY, PASSPHRASE)
    body = '{"instId":"BTC-USDT"}'
    signed = signer.headers("POST", "/api/v5/trade/order", body, AT_MS)["OK-ACCESS-SIGN"]
    assert signed == expected(f"2020-12-08T09:08:57.715ZPOST/api/v5/trade/order{body}")


def test_a_login_is_signed_in_seconds() -> None:
    assert OkxSigner(CredentialType.HMAC, secrets()).login(AT_MS) == {
        "apiKey": KEY,
        "passphrase": PASSPHRASE,
        "timestamp": "1607418537",
        "sign": expected("1607418537GET/users/self/verify"),
    }


def test_a_timestamp_has_three_digits_of_a_second() -> None:
    assert timestamp_of(1_607_418_537_005) == "2020-12-08T09:08:57.005Z"


@pytest.mark.parametrize(("text", "region"), [("", OkxRegion.GLOBAL), ("eea", OkxRegion.EEA), (" US ", OkxRegion.US)])
def test_a_key_has_a_region(text: str, region: OkxRegion) -> None:
    assert OkxSigner(CredentialType.HMAC, secrets(region=text)).region is region


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "MARS"}, "one of GLOBAL, EEA, US"),
        ({"api_key": ""}, "API key is empty"),
        ({"api_key": "two words"}, "API key is not one"),
        ({"api_secret": " "}, "API secret is empty"),
        ({"api_secret": "x" * 300}, "too long"),
        ({"passphrase": ""}, "passphrase is empty"),
        ({"passphrase": "schlüssel"}, "passphrase is not one"),
    ],
)
def test_what_is_no_key_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidCredential, match=said):
        check_credential(CredentialType.HMAC, secrets(**changes))


@pytest.mark.parametrize("type", [each for each in CredentialType if each is not CredentialType.HMAC])
def test_other_types_are_refused(type: CredentialType) -> None:
    with pytest.raises(InvalidCredential, match="takes HMAC"):
        check_credential(type, secrets())


def test_no_secret_is_shown() -> None:
    assert SECRET not in repr(OkxSigner(CredentialType.HMAC, secrets()))
    with pytest.raises(InvalidCredential) as refused:
        check_credential(CredentialType.HMAC, secrets(api_secret="ümlaut" + SECRET))
    assert SECRET not in str(refused.value)
