"""The domain: pure rules of trading, with no I/O, clock, randomness, logging or framework."""
