"""Sends archived events to a queue again, from an operator's machine; see docs/replay.md."""
