"""`python -m cadenza.cli` is `cadenza`."""

from cadenza.cli import main

main()
