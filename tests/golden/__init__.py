"""Golden files: bytes that were written once and may never come out differently. `make golden` makes them again.

    entries.json    for each fact kind one entry: its canonical bytes as text, and its leaf hash

A line that changes in a diff of `entries.json` is a fact that was edited, and a log that can no longer be read: make a
new kind instead. New lines are new kinds.
"""
