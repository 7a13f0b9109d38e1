"""What the venues that run in this process (PAPER, MOCK) share: the desk that serialises, persists and tells, and its
sessions. A venue brings its `Floor`: what happens to an order there."""
