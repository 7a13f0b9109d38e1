"""Log lines are structured, carry the request's id, and never a secret."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from cadenza.runtime import logging as logging_module
from cadenza.runtime.logging import REDACTED, LogLines, bound_request_id, configure_logging, redact


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    configure_logging("info", "json", out)
    yield out
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_with_level_time_and_logger(stream: io.StringIO) -> None:
    log = structlog.get_logger("cadenza.test")
    log.debug("too.quiet")
    log.info("order.accepted", order_id="1")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "order.accepted", "order_id": "1", "level": "info", "logger": "cadenza.test"}


def test_the_request_id_is_on_the_lines_of_the_request_only(stream: io.StringIO) -> None:
    log = structlog.get_logger("cadenza.test")
    with bound_request_id("r-1"):
        log.info("within")
        logging.getLogger("library").warning("of the %s", "library")
    log.info("after")
    assert [(line["event"], line.get("request_id")) for line in lines(stream)] == [
        ("within", "r-1"),
        ("of the library", "r-1"),
        ("after", None),
    ]


@pytest.mark.parametrize(
    "key",
    ["password", "secret", "apiKey", "api_key", "api_secret", "X-API-KEY", "passphrase", "token", "refreshToken",
     "Authorization", "clientSecret", "master_key", "private_key", "cookie", "signature"],
)  # fmt: skip
def test_secrets_are_hidden_by_name_at_any_depth(stream: io.StringIO, key: str) -> None:
    deep = {"venue": "MOCK", "list": [{"inner": {key: "hunter2"}}], key: {"whole": "hunter2"}}
    structlog.get_logger().info("connect", **{key: "hunter2"}, request=deep, pair=("a", {key: b"hunter2"}))
    assert "hunter2" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["request"] == {"venue": "MOCK", "list": [{"inner": {key: REDACTED}}], key: REDACTED}


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgresql://me:hunter2@db:5432/x",
        "sent Authorization: Bearer hunter2",
        "got eyJhunter2.eyJhunter2.hunter2 back",
    ],
)
def test_secrets_are_hidden_inside_text_and_exceptions(stream: io.StringIO, text: str) -> None:
    log = structlog.get_logger()
    log.info(text, detail=[text], error=ValueError(text))
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("failed")
    assert "hunter2" not in stream.getvalue()
    assert lines(stream)[1]["exception"][0]["exc_type"] == "ValueError"


def test_a_structure_without_end_is_cut(stream: io.StringIO) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    structlog.get_logger().info("loop", value=endless)
    assert "too deep" in stream.getvalue()


def test_the_console_format_hides_secrets_too() -> None:
    out = io.StringIO()
    configure_logging("debug", "console", out)
    structlog.get_logger().debug("connect", password="hunter2", venue="MOCK")
    assert "MOCK" in out.getvalue()
    assert "hunter2" not in out.getvalue()


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("make", [FullDisk, io.StringIO], ids=["full", "closed"])
def test_whoever_logs_goes_on_when_the_line_cannot_be_written(make: type[io.StringIO], log_format: Any) -> None:
    out = make()
    configure_logging("info", log_format, out)
    out.close()
    before = LogLines.lost_total
    for level in ("info", "warning", "error", "critical", "exception"):
        getattr(structlog.get_logger("cadenza.test").bind(venue="MOCK"), level)("happened")
    assert LogLines.lost_total == before + 5
    structlog.reset_defaults()


def test_a_number_too_large_for_the_fast_encoder_is_written_too(stream: io.StringIO) -> None:
    structlog.get_logger().info("large", number=2**70)
    assert lines(stream)[0]["number"] == 2**70


async def test_the_lines_of_a_turn_of_the_loop_are_written_together_and_in_order() -> None:
    out = CountingWrites()
    configure_logging("info", "json", out)
    log, library = structlog.get_logger("cadenza.test"), logging.getLogger("library")
    for number in range(3):
        log.info("request", number=number)
    assert out.writes == 0
    await asyncio.sleep(0)
    assert out.writes == 1
    log.info("before")
    library.warning("of the library")
    log.info("between")
    log.error("wrong")
    assert out.writes == 3, "what is wrong is written at once, after what came before it"
    structlog.reset_defaults()
    reply = [(line["event"], line.get("number")) for line in lines(out)]
    assert reply == [
        ("request", 0),
        ("request", 1),
        ("request", 2),
        ("before", None),
        ("of the library", None),
        ("between", None),
        ("wrong", None),
    ]


class CountingWrites(io.StringIO):
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_the_time_of_a_line_is_that_of_the_clock_in_utc(stream: io.StringIO) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    structlog.get_logger().info("now")
    after = datetime.now(UTC)
    text = lines(stream)[0]["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert before <= datetime.fromisoformat(text) <= after


@pytest.mark.parametrize("value", ["plain", 7, 1.5, None, True, "eyJhunter2.eyJhunter2.hunter2", ["x"], {"a": b"1"}])
def test_a_line_is_the_same_whether_it_is_looked_at_as_a_whole_or_value_by_value(value: Any) -> None:
    event = {"event": "request", "path": "/x", "value": value}
    assert redact(None, "info", event) == {key: logging_module._redacted(key, value, 0) for key, value in event.items()}
