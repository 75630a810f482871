"""Business processes written in YAML: checked, run, kept and finished.

The law of this file: importing it costs nothing. A public name is fetched from its module when it is first used (PEP 562);
`__init__.pyi` tells the same names to type checkers.
"""

__version__ = "0.1.0"

_HOMES = {
    "AsyncEngine": "bpflow.runtime.asynchronous",
    "Diagnostic": "bpflow.diagnostics",
    "Engine": "bpflow.runtime",
    "HttpService": "bpflow.runtime",
    "NotAllowed": "bpflow.runtime",
    "Policy": "bpflow.runtime",
    "Refused": "bpflow.diagnostics",
    "Request": "bpflow.runtime",
    "ServiceError": "bpflow.runtime",
    "VirtualClock": "bpflow.runtime",
    "load_process": "bpflow.loading",
    "load_workspace": "bpflow.loading",
    "open_engine": "bpflow.runtime",
    "render": "bpflow.diagnostics",
}

__all__ = [
    "AsyncEngine",
    "Diagnostic",
    "Engine",
    "HttpService",
    "NotAllowed",
    "Policy",
    "Refused",
    "Request",
    "ServiceError",
    "VirtualClock",
    "load_process",
    "load_workspace",
    "open_engine",
    "render",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module "bpflow" has no "{name}"')
    from importlib import import_module  # the dearest part of this file

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
