"""Forked children tokenise on one thread, without a warning about it."""

import os

VARIABLE = "TOKENIZERS_PARALLELISM"
_registered = False
_set_here = False


def _before() -> None:
    global _set_here
    _set_here = VARIABLE not in os.environ
    if _set_here:
        os.environ[VARIABLE] = "false"


def _after_in_parent() -> None:
    if _set_here:
        os.environ.pop(VARIABLE, None)


def make_forks_quiet() -> None:
    """Let every later fork see parallelism as switched off.

    The thread pool of `tokenizers` does not survive a fork; the library warns in
    the child and switches itself off. Deciding it beforehand says the same without
    the warning. A value that the user has set stays.
    """
    global _registered
    if _registered or not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent)
    _registered = True
