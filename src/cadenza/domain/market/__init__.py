"""Instruments, securities, order books, trades and subscriptions."""
