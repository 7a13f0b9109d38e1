"""Argon2id password hashes, in a few threads of the lowest priority.

The parameters are those that OWASP's Password Storage Cheat Sheet names first among the least that it accepts for
Argon2id: 19 MiB of memory, 2 passes, 1 lane. More would be stronger against somebody who has stolen the table, and
would take longer from orders: hashes compete with them for the memory of the machine, whatever their priority.
"""

import asyncio
import os
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from cadenza.domain.errors import Overloaded

T = TypeVar("T")

MEMORY_KIB = 19 * 1024
PASSES = 2
LEAST_PRIORITY = 19
WAITING_MAX = 64
"""Hashes at work and waiting. Beyond it, callers get `Overloaded`."""
_SALT_BYTES = 16
_HASH_BYTES = 32


class Argon2Hasher:
    """`ports.vault.PasswordHasher`. Each hash at work takes `memory_kib`, and one thread (argon2 releases the GIL).

    A password without a hash is checked against a hash of random bytes, so that the check takes the same time.
    """

    def __init__(
        self, *, workers: int, memory_kib: int = MEMORY_KIB, passes: int = PASSES, waiting_max: int = WAITING_MAX
    ) -> None:
        self._argon2 = Argon2(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
        )
        self._hash_of_nobody = (
            f"$argon2id$v=19$m={memory_kib},t={passes},p=1${_random_text(_SALT_BYTES)}${_random_text(_HASH_BYTES)}"
        )
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="password-hash", initializer=_yield_to_others)
        self._waiting_max = waiting_max
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, password: str, hash: str | None) -> bool:
        return await self._run(lambda: self._fits(password, hash or self._hash_of_nobody)) and hash is not None

    def needs_rehash(self, hash: str) -> bool:
        return self._argon2.check_needs_rehash(hash)

    def close(self) -> None:
        """End the threads. Hashes that have not begun are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, password: str, hash: str) -> bool:
        try:
            return self._argon2.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._waiting_max:
            raise Overloaded("too many log-ins at once, try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _yield_to_others() -> None:
    """Give this thread the lowest priority. Only Linux has a priority per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST_PRIORITY)


def _random_text(size_bytes: int) -> str:
    return b64encode(os.urandom(size_bytes)).rstrip(b"=").decode()
