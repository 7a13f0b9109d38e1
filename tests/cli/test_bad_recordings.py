"""`cadenza serve` with a recording that cannot be played."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    DepthUpdate,
    Recording,
    read_recording,
    write_recording,
)
from tests.serving import DidNotStart, Serving, last_words


def gap(path: Path) -> None:
    whole = read_recording(PACKAGED_RECORDING)
    messages = list(whole.messages[:1_000])
    update = next(number for number in range(900, 1_000) if isinstance(messages[number], DepthUpdate))
    del messages[update]
    write_recording(Recording(whole.header, tuple(messages)), path)


def cut(path: Path) -> None:
    path.write_bytes(PACKAGED_RECORDING.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(gap, "are missing before it"), (cut, "is cut short"), (Path.mkdir, "is a directory"), (None, "no such file")],
)
async def test_serve_ends_with_one_sentence(
    database_dsn: str, tmp_path: Path, spoil: Callable[[Path], object] | None, sentence: str
) -> None:
    path = tmp_path / "r.gz"
    if spoil is not None:
        spoil(path)
    settings = {"DATABASE_URL": database_dsn, "PAPER_MARKET": "recording", "PAPER_RECORDING_PATH": path}
    with pytest.raises(DidNotStart, match="exit code 1:"):
        await Serving.start(tmp_path / "data", settings)
    said = [line for line in last_words(tmp_path / "data.log").splitlines() if not line.startswith("{")]
    assert len(said) == 1
    assert said[0].startswith(f"cadenza: the recording {path} cannot be played: ")
    assert sentence in said[0]
