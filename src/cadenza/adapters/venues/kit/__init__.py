"""What every networked connector shares: the venue's clock, delivery of reports, the life of a session, words of the
wire, and what a reply proves. Nothing here knows a venue."""
