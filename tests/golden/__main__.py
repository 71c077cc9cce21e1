"""Makes every golden file again: `python -m tests.golden`."""

from tests.golden import entries

entries.write()
