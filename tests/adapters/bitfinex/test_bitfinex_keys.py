"""Signatures, and nonces that only grow."""

import asyncio
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inhouse_kit import ManualClock
from tests.simulated_kit import MemoryVenueMemories

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.adapters.venues.bitfinex.private_keys import NONCE_MAX, KeyNonces, PrivateKeys
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential, VenueUnavailable
from cadenza.ports.venue.memory import MemoryTakenOver

SIGNER = BitfinexSigner(CredentialType.HMAC, Secrets("a-key", "a-secret", None))


def _signed(text: str) -> str:
    return hmac.new(b"a-secret", text.encode(), hashlib.sha384).hexdigest()


def test_a_request_is_signed_over_path_nonce_and_body() -> None:
    assert SIGNER.headers("/api/v2/auth/r/wallets", 17, "{}") == {
        "bfx-nonce": "17",
        "bfx-apikey": "a-key",
        "bfx-signature": _signed("/api/v2/auth/r/wallets17{}"),
    }


def test_a_login_is_signed_over_its_nonce_and_sets_no_switch() -> None:
    login = SIGNER.login(17)
    assert login == {
        "event": "auth", "apiKey": "a-key", "authSig": _signed("AUTH17"), "authPayload": "AUTH17", "authNonce": 17,
    }  # fmt: skip


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", ""), ("a key", "s"), ("k\n\nx", "s"), ("k" * 257, "s")])
def test_what_is_no_key_is_refused_without_showing_it(key: str, secret: str) -> None:
    with pytest.raises(InvalidCredential) as refusal:
        BitfinexSigner(CredentialType.HMAC, Secrets(key, secret, None))
    assert "a key" not in str(refusal.value)


def test_other_types_of_keys_are_refused_and_nothing_shows_the_secret() -> None:
    other = next(type for type in CredentialType if type is not CredentialType.HMAC)
    with pytest.raises(InvalidCredential):
        BitfinexSigner(other, Secrets("k", "s", None))
    assert "a-secret" not in f"{SIGNER!r} {SIGNER.login(1)} {SIGNER.headers('/x', 1, '')}"


# --- nonces


async def test_a_nonce_is_the_present_microsecond_or_one_more() -> None:
    clock = ManualClock()
    nonces = KeyNonces("k", MemoryVenueMemories(), clock)
    first = await nonces.next()
    assert first - clock.now_ms() * 1_000 in (0, 1)
    assert await nonces.next() == first + 1


async def test_nonces_of_many_tasks_are_all_different_and_in_order() -> None:
    nonces = KeyNonces("k", MemoryVenueMemories(), ManualClock())
    drawn = await asyncio.gather(*(nonces.next() for _ in range(50)))
    assert drawn == sorted(set(drawn))


@given(st.lists(st.tuples(st.sampled_from(["next", "restart"]), st.integers(-100_000, 100_000)), max_size=30))
def test_no_restart_and_no_clock_makes_a_nonce_smaller(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        clock, memories = ManualClock(), MemoryVenueMemories()
        nonces, last = KeyNonces("k", memories, clock), 0
        for step, moved_ms in steps:
            clock.ms += moved_ms
            if step == "restart":
                nonces = KeyNonces("k", memories, clock)
            drawn = await nonces.next()
            assert drawn > last
            last = drawn

    asyncio.run(run())


async def test_a_key_in_use_writes_to_disk_once_in_seconds() -> None:
    clock, memories = ManualClock(), MemoryVenueMemories()
    nonces = KeyNonces("k", memories, clock)
    written = set()
    for _ in range(1_000):
        await nonces.next()
        written.add(str(memories.values))
    assert len(written) == 1


async def test_a_key_that_another_process_uses_gives_no_nonce_any_more() -> None:
    memories, clock = MemoryVenueMemories(), ManualClock()
    ours, theirs = PrivateKeys(memories, clock), PrivateKeys(memories, clock)
    key = ours.of(SIGNER)
    before = await key.nonce()
    other = theirs.of(SIGNER)
    theirs_last = await other.nonce()
    assert theirs_last > before
    clock.ms += 10_000
    with pytest.raises(MemoryTakenOver):
        await key.nonce()
    assert key.nonces.taken_over.is_set()
    again = ours.of(SIGNER)
    assert again.nonces is not key.nonces
    assert await again.nonce() > theirs_last


async def test_two_with_the_same_key_share_its_nonces_and_not_its_secret() -> None:
    keys = PrivateKeys(MemoryVenueMemories(), ManualClock())
    right = keys.of(SIGNER)
    wrong = keys.of(BitfinexSigner(CredentialType.HMAC, Secrets("a-key", "another", None)))
    assert wrong.nonces is right.nonces
    assert right.headers("/x", 1, "") != wrong.headers("/x", 1, "")


async def test_a_clock_beyond_the_largest_nonce_is_refused_and_spoils_nothing() -> None:
    clock, memories = ManualClock(), MemoryVenueMemories()
    nonces = KeyNonces("k", memories, clock)
    before = await nonces.next()
    good_ms, clock.ms = clock.ms, NONCE_MAX // 1_000 + 1
    with pytest.raises(VenueUnavailable):
        await nonces.next()
    clock.ms = good_ms
    assert await nonces.next() == before + 1
