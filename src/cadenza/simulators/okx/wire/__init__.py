"""The protocol: signatures, envelopes, limits, refusals and sockets."""
