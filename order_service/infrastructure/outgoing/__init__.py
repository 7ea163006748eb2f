"""Requests of ours to foreign servers: each ends in time, whatever the server does, and no answer
is longer than it may be (docs/adr/0006-boundaries.md)."""
