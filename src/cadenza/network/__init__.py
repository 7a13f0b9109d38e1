"""Sockets, queues and rate limits, independent of trading."""
