"""What the connectors of networked venues share. It is not a venue."""
