"""What was recorded is read again as it was, without its secrets, also after a crash."""

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.peers import StandingClock, answering, get, http_client, peer, settle

from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, OutcomeUnknown, UnknownCause
from cadenza.network.redaction import Redaction
from cadenza.network.stream_events import LostCause, Received, StreamClosed, StreamLive, StreamLost
from cadenza.network.traffic import (
    RecordedExchange,
    RecordedFrame,
    RecordedGap,
    RecordedState,
    ReplayedHttp,
    TrafficUnreadable,
    decode,
    encode,
    read_traffic,
)
from cadenza.network.traffic_recorder import RecordingHttp, TrafficRecorder

headers = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
outcomes = st.one_of(
    st.builds(Answered, st.integers(100, 599), headers, st.binary()),
    st.builds(NotSent, st.sampled_from(NotSentCause), st.text()),
    st.builds(OutcomeUnknown, st.sampled_from(UnknownCause), st.text(), st.none() | st.integers(100, 599)),
)
instants = st.integers(0, 2**45)
entries = st.one_of(
    st.builds(RecordedExchange, instants, instants, st.text(), st.text(), headers, st.binary(), outcomes),
    st.builds(RecordedFrame, instants, st.text(), st.integers(), st.booleans(), st.booleans(), st.binary()),
    st.builds(RecordedState, instants, st.text(), st.integers(), st.text(), st.text()),
    st.builds(RecordedGap, st.integers(1)),
)


@given(entry=entries)
def test_an_entry_is_read_as_it_was(entry: RecordedFrame) -> None:
    line = encode(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == entry


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b'{"kind":"frame"}', b'{"kind":"gap","entries":1,"more":2}', b"\xff"]
)
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)


def recorder(path: Path, clock: StandingClock, **limits: int) -> TrafficRecorder:
    return TrafficRecorder(path, Redaction(["x-key", "signature"], ["listen-token-1"]), now_ms=clock.now_ms, **limits)


async def test_a_session_is_kept_in_order_and_without_its_secrets(tmp_path: Path) -> None:
    clock = StandingClock()
    record = recorder(tmp_path / "t.gz", clock)
    request = HttpRequest(
        "POST", "http://h/order?signature=abcdef&p=1", 0, {"X-Key": "k3y"}, b"signature=abcdef&q=1.10"
    )
    record.exchange(request, Answered(200, {"x-key": "k3y", "x-used": "7"}, b'{"signature":"abcdef","price":1.10}'), 5)
    record.event("user", StreamLive(1))
    record.sent("user", 1, '{"signature": "abcdef"}')
    record.event("user", Received(1, b"to listen-token-1", True, 1))
    record.event("user", Received(1, b"\xff listen-token-1", False, 1))
    record.event("user", StreamLost(1, LostCause.PEER_CLOSED, "4001 listen-token-1"))
    record.event("user", StreamClosed())
    record.exchange(request, NotSent(NotSentCause.DNS, "no listen-token-1"), 6)
    await record.close()
    record.event("user", StreamClosed())  # nothing is kept any more
    await record.write()
    kept = list(read_traffic(tmp_path / "t.gz"))
    now_ms, cut = clock.now_ms(), "<redacted>"
    url, sent = f"http://h/order?signature={cut}&p=1", f"signature={cut}&q=1.10".encode()
    body = f'{{"signature":"{cut}","price":1.10}}'.encode()
    assert kept == [
        RecordedExchange(
            5, now_ms, "POST", url, {"X-Key": cut}, sent, Answered(200, {"x-key": cut, "x-used": "7"}, body)
        ),
        RecordedState(now_ms, "user", 1, "live", ""),
        RecordedFrame(now_ms, "user", 1, True, True, f'{{"signature": "{cut}"}}'.encode()),
        RecordedFrame(now_ms, "user", 1, False, True, f"to {cut}".encode()),
        RecordedFrame(now_ms, "user", 1, False, False, b"\xff " + cut.encode()),
        RecordedState(now_ms, "user", 1, "lost", f"peer-closed 4001 {cut}"),
        RecordedState(now_ms, "user", 0, "closed", ""),
        RecordedExchange(6, now_ms, "POST", url, {"X-Key": cut}, sent, NotSent(NotSentCause.DNS, f"no {cut}")),
    ]
    assert not any(
        secret in gzip.decompress((tmp_path / "t.gz").read_bytes()) for secret in (b"abcdef", b"k3y", b"token-1")
    )


async def test_what_comes_too_fast_is_a_gap_where_it_is_missing(tmp_path: Path) -> None:
    record = recorder(tmp_path / "t.gz", StandingClock(), waiting_bytes_max=2_000)
    for number in range(20):
        record.event("m", Received(1, b"x" * 300 + str(number).encode(), True, 0))
    await record.write()
    record.event("m", Received(1, b"after", True, 0))
    await record.close()
    kept = list(read_traffic(tmp_path / "t.gz"))
    frames = [entry for entry in kept if isinstance(entry, RecordedFrame)]
    assert kept[-2] == RecordedGap(20 - (len(frames) - 1))
    assert [frame.data[300:] for frame in frames[:-1]] == [str(number).encode() for number in range(len(frames) - 1)]
    assert frames[-1].data == b"after"


async def test_a_file_has_a_limit_and_an_existing_one_is_not_touched(tmp_path: Path) -> None:
    record = recorder(tmp_path / "t.gz", StandingClock(), file_bytes_max=1_000)
    for _ in range(20):
        record.event("m", Received(1, b"x" * 200, True, 0))
    assert record.is_full
    await record.close()
    assert 0 < len(list(read_traffic(tmp_path / "t.gz"))) < 5
    with pytest.raises(FileExistsError):
        recorder(tmp_path / "t.gz", StandingClock())


async def test_each_second_is_on_disk_and_a_file_that_was_cut_short_is_read_to_there(tmp_path: Path) -> None:
    clock = StandingClock()
    record = recorder(tmp_path / "t.gz", clock)
    running = asyncio.create_task(record.run(clock))
    sizes = []
    for number in range(3):
        record.event("m", Received(1, f"{number}".encode() * 500, True, 0))
        await settle()
        await clock.pass_time(1_000)
        await record.write()  # waits for what the thread is writing
        sizes.append((tmp_path / "t.gz").stat().st_size)
    running.cancel()
    whole = (tmp_path / "t.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(whole[: sizes[1] + 20])
    read = read_traffic(tmp_path / "cut.gz")
    assert [next(read), next(read)] == list(read_traffic(tmp_path / "t.gz"))[:2]
    with pytest.raises(TrafficUnreadable, match="after line 3"):
        next(read)
    (tmp_path / "other.gz").write_bytes(gzip.compress(b'{"format":"cadenza-recording/1"}\n'))
    with pytest.raises(TrafficUnreadable, match="line 1: the format"):
        list(read_traffic(tmp_path / "other.gz"))


async def test_a_write_that_fails_leaves_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_is_full(path: Path, lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    record = recorder(tmp_path / "t.gz", StandingClock())
    record.event("m", StreamLive(1))
    with monkeypatch.context() as patched:
        patched.setattr("cadenza.network.traffic_recorder._append", disk_is_full)
        with pytest.raises(OSError, match="No space"):
            await record.write()
    record.event("m", StreamLive(2))
    await record.close()
    assert [type(entry) for entry in read_traffic(tmp_path / "t.gz")] == [RecordedGap, RecordedState]


async def test_a_recorded_session_is_played_again_to_the_same_caller(tmp_path: Path) -> None:
    clock = StandingClock()
    record = recorder(tmp_path / "t.gz", clock)
    async with peer(answering) as server, http_client() as client:
        http = RecordingHttp(client, record, clock.now_ms)
        live = [await http.call(get(server.port, path)) for path in ("/a?t=1", "/b", "/a?t=2")]
        live.append(await http.call(get(server.port, "/c", deadline_ms=0)))
        await record.close()
        replayed = ReplayedHttp(read_traffic(tmp_path / "t.gz"))
        again = [await replayed.call(get(server.port, path)) for path in ("/a?t=7", "/b", "/a", "/c")]
        assert [type(outcome) for outcome in live] == [Answered, Answered, Answered, NotSent]
        assert again == live
        with pytest.raises(LookupError, match="no further GET"):
            await replayed.call(get(server.port, "/b"))
