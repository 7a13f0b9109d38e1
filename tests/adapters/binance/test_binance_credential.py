"""Signatures equal the vectors of the public documents, and no secret shows anywhere."""

import base64
import traceback
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from cadenza.adapters.venues.binance.credential import BinanceSigner, check_credential, encoded_query
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
HMAC = Secrets(API_KEY, SECRET, None)
ORDER = {
    "symbol": "LTCBTC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "0.1",
    "recvWindow": 5000,
    "timestamp": 1499827319559,
}
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
KEYS = {CredentialType.RSA: RSA_KEY, CredentialType.ED25519: ED25519_KEY}
_PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def pem(key: _PrivateKey, passphrase: str | None = None, format: PrivateFormat = PrivateFormat.PKCS8) -> str:
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, format, encryption).decode()


def verify(type: CredentialType, signature: str, payload: str) -> None:
    """Raises when the signature is not that of the payload."""
    decoded = base64.b64decode(signature, validate=True)
    if type is CredentialType.RSA:
        RSA_KEY.public_key().verify(decoded, payload.encode(), padding.PKCS1v15(), SHA256())
    else:
        ED25519_KEY.public_key().verify(decoded, payload.encode())


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        ("１２３４５６", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_an_hmac_signature_is_that_of_the_documents(symbol: str, signature: str) -> None:
    query = BinanceSigner(CredentialType.HMAC, HMAC).signed_query({**ORDER, "symbol": symbol})
    assert query == f"{encoded_query({**ORDER, 'symbol': symbol})}&signature={signature}"


def test_values_are_percent_encoded_before_signing() -> None:
    assert encoded_query({"symbol": "１２３４５６"}) == "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
    assert encoded_query({"a": "x/y+z&w=1 é", "isIsolated": True}) == "a=x%2Fy%2Bz%26w%3D1%20%C3%A9&isIsolated=true"


@given(st.dictionaries(st.from_regex("[a-zA-Z]{1,8}", fullmatch=True), st.text(min_size=1, max_size=20), max_size=5))
def test_a_server_reads_the_values_that_were_signed(parameters: dict[str, str]) -> None:
    query = BinanceSigner(CredentialType.HMAC, HMAC).signed_query({**parameters, "timestamp": 1})
    read = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    assert {name: values[0] for name, values in read.items() if name != "signature"} == {**parameters, "timestamp": "1"}


@pytest.mark.parametrize("type", KEYS)
def test_a_key_signs_rest_requests_in_encoded_base64(type: CredentialType) -> None:
    signer = BinanceSigner(type, Secrets(API_KEY, pem(KEYS[type]), None))
    payload, _, signature = signer.signed_query({**ORDER, "symbol": "１２３４５６"}).partition("&signature=")
    assert payload == encoded_query({**ORDER, "symbol": "１２３４５６"})
    assert not set("+/=") & set(signature)
    verify(type, unquote(signature), payload)


@pytest.mark.parametrize("type", KEYS)
def test_the_websocket_api_gets_sorted_parameters_that_are_not_encoded(type: CredentialType) -> None:
    signer = BinanceSigner(type, Secrets(API_KEY, pem(KEYS[type]), None))
    signed = signer.signed_parameters({"timestamp": 2, "symbol": "币安/人生", "reduceOnly": True})
    payload = f"apiKey={API_KEY}&reduceOnly=true&symbol=币安/人生&timestamp=2"
    verify(type, str(signed.pop("signature")), payload)
    assert signed == {"timestamp": 2, "symbol": "币安/人生", "reduceOnly": True, "apiKey": API_KEY}


def test_the_websocket_signature_of_an_hmac_key_is_that_of_the_documents() -> None:
    order = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "newOrderRespType": "ACK",
        "recvWindow": 100,
        "timestamp": 1645423376532,
    }
    signed = BinanceSigner(CredentialType.HMAC, HMAC).signed_parameters(order)
    assert signed["signature"] == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"


@pytest.mark.parametrize("type", KEYS)
@pytest.mark.parametrize(
    "paste",
    [
        str,
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\\r\\n"),
        lambda text: text.replace("\n", " "),
        lambda text: f'  "{text.strip()}"  \n',
        lambda text: "\n".join(f"   {line}" for line in text.splitlines()),
    ],
    ids=["as it is", "escaped", "CRLF", "escaped CRLF", "one line", "quoted", "indented"],
)
def test_a_pem_key_is_read_as_people_paste_it(type: CredentialType, paste: Callable[[str], str]) -> None:
    signer = BinanceSigner(type, Secrets(f" {API_KEY}\n", paste(pem(KEYS[type])), ""))
    assert signer.api_key == API_KEY
    verify(type, str(signer.signed_parameters({})["signature"]), f"apiKey={API_KEY}")


def test_other_formats_of_a_private_key_are_read() -> None:
    check_credential(CredentialType.RSA, Secrets(API_KEY, pem(RSA_KEY, format=PrivateFormat.TraditionalOpenSSL), None))
    check_credential(CredentialType.RSA, Secrets(API_KEY, pem(RSA_KEY, "open"), "open"))
    check_credential(CredentialType.RSA, Secrets(API_KEY, pem(RSA_KEY), "a passphrase that is not needed"))


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
CURVE_PEM = pem(ec.generate_private_key(ec.SECP256R1()))
SHORT_PEM = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))
LEGACY_PEM = pem(RSA_KEY, "open", PrivateFormat.TraditionalOpenSSL)


@pytest.mark.parametrize(
    ("type", "key", "secret", "passphrase", "reason"),
    [
        (CredentialType.OAUTH, API_KEY, SECRET, None, "HMAC, RSA and ED25519"),
        (CredentialType.API_KEY, API_KEY, SECRET, None, "not API_KEY"),
        (CredentialType.HMAC, "  ", SECRET, None, "API key is empty"),
        (CredentialType.HMAC, "two words", SECRET, None, "API key is not one word"),
        (CredentialType.HMAC, "k" * 257, SECRET, None, "API key is not one word"),
        (CredentialType.HMAC, API_KEY, "", None, "API secret is empty"),
        (CredentialType.HMAC, API_KEY, "two words", None, "API secret is not one word"),
        (CredentialType.HMAC, API_KEY, pem(ED25519_KEY), None, "choose the credential type RSA or ED25519"),
        (CredentialType.RSA, API_KEY, SECRET, None, "not PEM"),
        (CredentialType.RSA, API_KEY, PUBLIC_PEM, None, "public key"),
        (CredentialType.RSA, API_KEY, pem(ED25519_KEY), None, "is an ED25519 key, and the credential type is RSA"),
        (CredentialType.ED25519, API_KEY, pem(RSA_KEY), None, "is an RSA key, and the credential type is ED25519"),
        (CredentialType.ED25519, API_KEY, CURVE_PEM, None, "of another kind"),
        (CredentialType.RSA, API_KEY, SHORT_PEM, None, "1024 bits"),
        (CredentialType.RSA, API_KEY, pem(RSA_KEY, "open"), None, "is encrypted"),
        (CredentialType.RSA, API_KEY, pem(RSA_KEY, "open"), "shut", "passphrase does not open"),
        (CredentialType.RSA, API_KEY, LEGACY_PEM, "open", "old format"),
        (CredentialType.ED25519, API_KEY, pem(ED25519_KEY).replace("M", "A", 1), None, "cannot be read"),
        (CredentialType.ED25519, API_KEY, pem(ED25519_KEY).replace("M", "*", 1), None, "not base64"),
        (CredentialType.ED25519, API_KEY, "-----BEGIN PRIVATE KEY-----" + "A" * 20_000, None, "too long"),
    ],
)
def test_a_wrong_field_is_refused_with_its_reason_and_without_the_secret(
    type: CredentialType, key: str, secret: str, passphrase: str | None, reason: str
) -> None:
    with pytest.raises(InvalidCredential, match=reason) as caught:
        check_credential(type, Secrets(key, secret, passphrase))
    shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value.__cause__)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    body = [line for line in secret.splitlines() if len(line) > 10 and not line.startswith("-----")]
    assert not any(line in shown for line in body)


@pytest.mark.parametrize(("type", "secret"), [(CredentialType.HMAC, SECRET), (CredentialType.RSA, pem(RSA_KEY))])
def test_a_signer_does_not_show_what_it_signs_with(type: CredentialType, secret: str) -> None:
    signer = BinanceSigner(type, Secrets(API_KEY, secret, None))
    assert repr(signer) == str(signer) == f"BinanceSigner({type.value})"
