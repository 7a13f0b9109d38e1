"""What the venues that run in this process (PAPER, MOCK) share: a runner that serialises calls, stores what they
changed and publishes it, and the sessions that call it. A venue supplies its own `SimulatedExchange`, which executes
orders."""
