"""The API itself, and its health."""

from http import HTTPStatus
from importlib.metadata import version

from cadenza.adapters.http.endpoint import HttpCall, ReplyWithStatus
from cadenza.wire.envelope import Success
from cadenza.wire.system import ApiInfo, health_report

VERSION = version("cadenza")

_INFO = ApiInfo(
    name="Cadenza",
    version=VERSION,
    description="Self-hosted trading platform: one REST and one WebSocket API over many venues",
    documentation="/docs",
)


async def show_root(call: HttpCall, asked: None) -> Success[ApiInfo]:
    return Success(data=_INFO)


async def show_health(call: HttpCall, asked: None) -> ReplyWithStatus:
    report = health_report(await call.use_cases.check_health(), VERSION)
    return ReplyWithStatus(report, HTTPStatus.SERVICE_UNAVAILABLE if report.status == "unhealthy" else HTTPStatus.OK)
