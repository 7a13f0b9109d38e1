"""The protocol: access, credits, requests, channels and the sockets that carry them."""
