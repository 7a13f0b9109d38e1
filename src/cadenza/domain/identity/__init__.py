"""Users, sessions, tenants and scopes."""
