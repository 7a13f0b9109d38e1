"""schemathesis against a whole server: whatever is generated from the served document, and against it, is answered as
the document says. Never a 5xx, and the server goes on."""

import asyncio
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CHECKS

from cadenza.adapters.http.openapi import openapi_document
from tests.contract.checker import Answer, check_answer, operation_id_of
from tests.e2e.trader import Trader
from tests.serving import Serving

# `websocketConnect` stands for messages on a socket, which no request can send.
schema = schemathesis.openapi.from_dict(openapi_document()).exclude(operation_id="websocketConnect")
schema.config.generation.update(max_examples=25)
CHECKED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
ENDS_THE_SESSION = {"/api/v3/auth/logout"}
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def token(server: Serving) -> Iterator[str]:
    """Of a user who may do everything."""

    async def log_in() -> str:
        async with Trader(server.url) as user:
            await user.enter()
            return str(user.api.token)

    return asyncio.run(log_in())


@schema.parametrize()
@settings(derandomize=True, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_generated_request_is_answered_as_promised(case: Case, server: Serving, token: str) -> None:
    headers = {} if case.path in ENDS_THE_SESSION else {"Authorization": f"Bearer {token}"}
    response = case.call(base_url=server.url, headers=headers, timeout=WITHIN_S)
    case.validate_response(response, checks=CHECKED)
    assert response.status_code < 500
    if operation_id_of(case.method, case.path) is not None:
        reply = {name.lower(): values[0] for name, values in response.headers.items()}
        check_answer(case.method, case.path, Answer(response.status_code, reply, response.json()))
