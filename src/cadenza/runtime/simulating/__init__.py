"""The simulators as the command line starts them: one, or all in one process, each with what a user needs to know."""
