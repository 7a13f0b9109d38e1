"""What tests ask and order: the paths under `/simulator/`, and faults."""
