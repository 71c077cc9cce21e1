"""Makes the vectors again: `python -m tests.vectors`."""

from tests.vectors import perturbed

perturbed.write(perturbed.HERE)
