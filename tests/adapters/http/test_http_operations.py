"""Every operation, asked as the reference pages show it, answers what the interface promises."""

import pytest
from tests.adapters.http.http_world import TOKEN, World

from cadenza.adapters.http.routes import RESPONDERS
from cadenza.wire.examples import BODY_EXAMPLES, QUERY_EXAMPLES
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operations import OPERATIONS

_BY_ID = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)


async def ask(world: World, operation: ApiOperation, **more: object) -> object:
    return await world.ask(
        operation.method,
        operation.path,
        body=BODY_EXAMPLES.get(operation),
        query=QUERY_EXAMPLES.get(operation, ""),
        **more,  # type: ignore[arg-type]
    )


def test_every_operation_has_a_route() -> None:
    assert set(RESPONDERS) == set(OPERATIONS)


@_BY_ID
async def test_it_answers_as_the_interface_says(world: World, operation: ApiOperation) -> None:
    answer = await ask(world, operation, token=None if operation.is_public else TOKEN)
    assert answer.status == 200, answer.body


@_BY_ID
async def test_it_needs_a_token_unless_public(world: World, operation: ApiOperation) -> None:
    answer = await ask(world, operation, token=None)
    if operation.is_public:
        assert answer.status == 200
    else:
        assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
        assert answer.headers["www-authenticate"] == "Bearer"
