"""The venues under test, one file each."""

from collections.abc import Mapping

from tests.conformance.harness import VenueFactory
from tests.conformance.venues.mock import MockUnderTest
from tests.conformance.venues.paper import PaperUnderTest

VENUES: Mapping[str, VenueFactory] = {"PAPER": PaperUnderTest, "MOCK": MockUnderTest}
