"""What the simulators of venues share: truth on disk, faults, keys, sockets, and markets over matching engines."""
