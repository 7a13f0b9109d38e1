import pytest
from tests.adapters.http.http_world import World, make_world


@pytest.fixture(scope="session")
def shared_world() -> World:
    return make_world()


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.reset()
    return shared_world
