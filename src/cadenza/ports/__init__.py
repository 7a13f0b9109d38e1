"""The ports: what the application needs from the outside, as Protocols. The docstrings are the law for every
implementation."""
