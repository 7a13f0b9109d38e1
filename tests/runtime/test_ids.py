"""Ids: unique, of version 7, in order; a forked process draws others."""

import os
import pickle
from uuid import RFC_4122, UUID

import msgspec

from cadenza.runtime.local import SystemIds


def test_ids_are_unique_in_order_and_of_version_7() -> None:
    ids = SystemIds()
    made = [ids.new() for _ in range(20_000)]  # more than a millisecond's counter holds
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}


def test_an_id_is_a_uuid_to_everybody() -> None:
    made = SystemIds().new()
    plain = UUID(int=made.int)
    assert isinstance(made, UUID)
    assert (made, hash(made), str(made), made.hex) == (plain, hash(plain), str(plain), plain.hex)
    assert msgspec.json.encode(made) == msgspec.json.encode(plain)
    assert msgspec.convert({"id": made}, dict[str, UUID]) == {"id": plain}
    assert pickle.loads(pickle.dumps(made)) == plain


def test_the_random_part_differs_between_ids_and_processes() -> None:
    ids = SystemIds()
    ids.new()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(ids.new().bytes[8:] for _ in range(100)))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        childs = pipe.read()
    parts = [childs[at : at + 8] for at in range(0, len(childs), 8)] + [ids.new().bytes[8:] for _ in range(100)]
    assert len(set(parts)) == len(parts) == 200
