"""Argon2id off the event loop."""

import asyncio
import os
import sys
import threading

import pytest

from cadenza.adapters.vault.passwords import Argon2Hasher
from cadenza.domain.errors import Overloaded


def hasher(**limits: int) -> Argon2Hasher:
    return Argon2Hasher(workers=1, memory_kib=64, passes=1, **limits)


async def test_a_hash_fits_its_password_only() -> None:
    argon2 = hasher()
    hash = await argon2.hash("pass word\0é")
    assert hash.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await argon2.verify("pass word\0é", hash)
    assert not await argon2.verify("pass word", hash)
    assert not await argon2.verify("pass word", "no hash at all")
    assert await argon2.hash("pass word\0é") != hash


async def test_nobody_has_a_password() -> None:
    argon2 = hasher()
    assert not await argon2.verify("", None)
    assert not argon2.needs_rehash(argon2._hash_of_nobody)


async def test_other_parameters_are_noticed() -> None:
    hash = await Argon2Hasher(workers=1, memory_kib=32, passes=1).hash("x")
    assert hasher().needs_rehash(hash)
    assert await hasher().verify("x", hash)


async def test_too_many_at_once_are_turned_away_and_the_rest_is_served() -> None:
    argon2 = hasher(waiting_max=3)
    results = await asyncio.gather(*(argon2.hash("x") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, str) for result in results) == 3
    assert sum(isinstance(result, Overloaded) for result in results) == 7
    assert await argon2.hash("x")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority per thread")
async def test_hashes_leave_the_processor_to_everything_else() -> None:
    argon2 = hasher()

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert argon2._threads.submit(priority).result() == 19
    assert priority() == os.getpriority(os.PRIO_PROCESS, 0) < 19, "the event loop keeps its own"
