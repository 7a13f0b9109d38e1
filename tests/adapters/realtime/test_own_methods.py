"""An operation that the platform adds to the interface answers the same by RPC as on REST."""

import json

import msgspec
import pytest
from tests.adapters.http.http_world import World as HttpWorld
from tests.adapters.http.http_world import make_world
from tests.adapters.realtime.realtime_world import World
from tests.adapters.realtime.test_rpc import call

from cadenza.wire.examples import BODY_EXAMPLES, QUERY_EXAMPLES
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.own_operations import OWN_OPERATIONS
from cadenza.wire.reading import read_query


def parameters(own: OwnOperation) -> object:
    """The example's body, or its query as an object."""
    operation = own.operation
    if operation.body is not None:
        return BODY_EXAMPLES[operation]
    if operation.query is None:
        return {}
    query = read_query(operation.query, QUERY_EXAMPLES.get(operation, "").encode())
    return json.loads(msgspec.json.encode(query))


@pytest.mark.parametrize("own", OWN_OPERATIONS, ids=lambda own: own.method)
async def test_both_ways_answer_the_same(world: World, own: OwnOperation) -> None:
    operation = own.operation
    rest: HttpWorld = make_world()
    answer = await rest.ask(
        operation.method,
        operation.path,
        body=BODY_EXAMPLES.get(operation),
        query=QUERY_EXAMPLES.get(operation, ""),
    )
    reply = await call(world, own.method, parameters(own))
    found = reply["rpc"]["data"]
    assert (found["data"], found.get("pagination")) == (answer.data, answer.body.get("pagination"))
