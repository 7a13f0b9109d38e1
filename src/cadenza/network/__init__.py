"""Sockets and patience, ignorant of trading."""
