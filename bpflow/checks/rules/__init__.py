"""The rules that a process keeps to: one rule is one function is one page of the manual.

A module enters its rules when it is imported; here they are in the order of the manual.
"""

from importlib import import_module

_OF_TEXT = ("files", "shapes", "starts", "expressions", "ids", "names")
_OF_PEOPLE = ("people", "directory", "nobody", "four_eyes")
_OF_TIME = ("deadlines", "watched", "zones")
_OF_WAYS = ("flow", "gathering", "assigned", "certain", "cases", "loops", "variables", "amounts", "stages")
_OF_WORKSPACE = ("workspace", "calls", "channels", "messages", "scenarios")

for _module in (*_OF_TEXT, "typed", "forms", "documents", *_OF_PEOPLE, *_OF_TIME, *_OF_WAYS, *_OF_WORKSPACE):
    import_module(f"{__name__}.{_module}")
