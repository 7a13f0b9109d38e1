"""Metadata that users store about themselves: free JSON of a limited size."""

import json
from collections.abc import Mapping
from typing import Any

from cadenza.domain.errors import InvalidRequest

METADATA_BYTES_MAX = 16 * 1024


def merge_metadata(present: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `present` with the keys of `changes` set; a null removes its key.
    Raises `InvalidRequest` over the limit."""
    merged = {key: value for key, value in {**present, **changes}.items() if value is not None}
    try:
        size = len(json.dumps(merged, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequest("metadata: not a JSON object") from None
    if size > METADATA_BYTES_MAX:
        raise InvalidRequest(f"metadata: more than {METADATA_BYTES_MAX} bytes")
    return merged
