"""The platform itself: its health and readiness."""
