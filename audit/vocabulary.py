"""The vocabulary: importing this module makes every fact kind known, so that any entry ever written can be parsed."""

from audit import reading
from authz import (
    attribution,
    decision,
    edit,
    erasure,
    founding,
    grant,
    household,
    post,
    request,
    signing,
    stranger,
    transfer,
    window,
    witness,
)

MODULES = (
    attribution,
    decision,
    edit,
    erasure,
    founding,
    grant,
    household,
    post,
    reading,
    request,
    signing,
    stranger,
    transfer,
    window,
    witness,
)
