"""The whole list of planted bugs, each of which a test catches.

A text that no longer stands exactly once in its file has moved or changed: follow it there, and
leave the bug the same.
"""

from tests.planted.lists import engine, judges, lab, numbers, papers, programs, shared_language, shared_networks

LISTS = (engine, numbers, papers, shared_networks, shared_language, programs, lab, judges)
BUGS = [bug for each in LISTS for bug in each.BUGS]
