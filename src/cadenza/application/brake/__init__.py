"""Stopping: mass cancels, trading modes, risk limits and dead-man's switches."""
