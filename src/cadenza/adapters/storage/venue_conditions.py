"""How the venues are, as the running server notes it."""

from collections.abc import Mapping, Sequence

import asyncpg

from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.ports.storage.market import NotedCondition
from cadenza.ports.venue import VenueCondition, VenueStatus


class VenueConditionSql:
    """`ports.storage.market.VenueConditions`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def note(self, conditions: Mapping[VenueId, VenueCondition], at_ms: int) -> None:
        await self._connection.execute("DELETE FROM venue_conditions")
        await self._connection.executemany(
            "INSERT INTO venue_conditions VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                (
                    id.venue.value,
                    id.environment.value,
                    each.status.value,
                    each.since_ms,
                    each.cause,
                    each.detail,
                    at_ms,
                )
                for id, each in conditions.items()
            ],
        )

    async def all(self) -> Sequence[NotedCondition]:
        rows = await self._connection.fetch("SELECT * FROM venue_conditions ORDER BY venue, environment")
        return [
            NotedCondition(
                venue_id=VenueId(Venue(row["venue"]), Environment(row["environment"])),
                condition=VenueCondition(
                    status=VenueStatus(row["status"]),
                    since_ms=row["since_ms"],
                    cause=row["cause"],
                    detail=row["detail"],
                ),
                noted_at_ms=row["noted_at_ms"],
            )
            for row in rows
        ]
