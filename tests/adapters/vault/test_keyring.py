"""The ring of master keys: its file, its setting, its rotation while another process looks."""

import os
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cadenza.adapters.vault.keyring import FileKeyRing, KeyRing, KeyRingError, derive


def text_key(byte: int) -> str:
    return b64encode(bytes([byte]) * 32).decode()


def test_the_first_start_makes_a_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    first = FileKeyRing(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert FileKeyRing(path).ids() == first.ids()
    assert os.listdir(path.parent) == ["master.key"]


def test_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        rings = list(threads.map(lambda _: FileKeyRing(tmp_path / "master.key"), range(16)))
    assert len({ring.active_id() for ring in rings}) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    FileKeyRing(path)
    path.chmod(mode)
    with pytest.raises(KeyRingError, match="chmod 600"):
        FileKeyRing(path)


def test_a_rotation_reaches_a_ring_that_is_in_use(tmp_path: Path) -> None:
    server = FileKeyRing(tmp_path / "master.key")
    old = server.active_id()
    new = FileKeyRing(tmp_path / "master.key").add()
    assert new != old
    assert server.ids() == (new, old)
    assert server.find(old) is not None
    FileKeyRing(tmp_path / "master.key").drop(old)
    assert server.find(old) is None


def test_the_active_key_and_unknown_ones_cannot_be_dropped(tmp_path: Path) -> None:
    ring = FileKeyRing(tmp_path / "master.key")
    for key_id in (ring.active_id(), "0123456789abcdef"):
        with pytest.raises(KeyRingError):
            ring.drop(key_id)


def test_a_file_that_vanished_is_a_clear_error(tmp_path: Path) -> None:
    ring = FileKeyRing(tmp_path / "master.key")
    (tmp_path / "master.key").unlink()
    with pytest.raises(KeyRingError, match="backup"):
        ring.active()


def test_a_setting_may_hold_several_keys_the_first_is_active() -> None:
    ring = KeyRing.from_text(f"{text_key(1)}, {text_key(2)}")
    assert ring.active_id() == KeyRing.from_text(text_key(1)).active_id()
    assert len(ring.ids()) == 2


@pytest.mark.parametrize(
    "text", ["", "# none", "not base64!", b64encode(b"short").decode(), f"{text_key(1)},{text_key(1)}"]
)
def test_impossible_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(KeyRingError) as caught:
        KeyRing.from_text(text)
    assert not text or text not in str(caught.value)


def test_a_canary_tells_the_right_key_from_any_other() -> None:
    ring, other = KeyRing.from_text(text_key(1)), KeyRing.from_text(text_key(2))
    canary = ring.make_canary()
    assert ring.knows_canary(canary, ring.active_id())
    assert not other.knows_canary(canary, ring.active_id())
    assert not other.knows_canary(canary, other.active_id())
    assert not ring.knows_canary(canary[:-1], ring.active_id())


def test_each_use_has_a_key_of_its_own() -> None:
    assert len({derive(b"s" * 32, use) for use in ("a", "b")} | {derive(b"t" * 32, "a")}) == 3
