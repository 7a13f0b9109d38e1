"""Centrifugo as the place where clients connect: it keeps connections and histories, we publish through its server API.

The questions that it asks us are answered by `adapters.realtime.proxy`. See docs/decisions/0019-centrifugo.md.
"""
