"""Orders, executions, positions, what a venue reports and what follows from it."""
