"""The vocabulary: importing this module makes every fact kind known, so that any entry ever written can be parsed."""

from types import ModuleType

from audit import reading
from authz import (
    amendment,
    answer,
    approval,
    attribution,
    caution,
    competence,
    confirmation,
    decision,
    deputy,
    disclosure,
    edit,
    erasure,
    founding,
    gazette,
    grant,
    handover,
    hindsight,
    household,
    identification,
    kin,
    notice,
    officer,
    post,
    proposal,
    redecision,
    request,
    retention,
    seeking,
    signing,
    staffing,
    stranger,
    supposing,
    transfer,
    window,
    witness,
)

MODULES = tuple(each for each in tuple(vars().values()) if isinstance(each, ModuleType))
"""Every module that has facts: what is imported above is the list, and it is written down nowhere else."""
