"""The vocabulary: importing this module makes every fact kind known, so that any entry ever written can be parsed."""

from audit import reading
from authz import attribution, decision, edit, founding, grant, household, post, request, stranger, transfer, window

MODULES = (attribution, decision, edit, founding, grant, household, post, reading, request, stranger, transfer, window)
