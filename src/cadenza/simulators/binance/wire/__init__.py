"""The protocol: requests, signatures, limits, sockets and the refusals that every market shares."""
