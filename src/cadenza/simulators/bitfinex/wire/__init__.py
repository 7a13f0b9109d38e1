"""The wire: keys, nonces, paces, numbers, REST and the socket."""
