"""The expressions of the language: read, checked and compiled once, evaluated against a Scope.

The law of this room: an expression is data until it is compiled, and what it is compiled to can do nothing but compute: it reaches
no Python object, does not loop for ever, does not grow without bound, and learns of the outside only by asking a Question.
"""

from __future__ import annotations

from bpflow.expressions.data import Choice, Department, Document, Duration, File, Question, Role, User, Value
from bpflow.expressions.durations import duration_text, parse_duration, spoken
from bpflow.expressions.errors import Absent, EvaluationError, ExpressionError, describe
from bpflow.expressions.evaluate import Code, compile_code
from bpflow.expressions.functions import MAX_ITEMS, MAX_TEXT, Function, Scope
from bpflow.expressions.library import BUILTIN_NAMES, FUNCTIONS, SITUATION_NAMES
from bpflow.expressions.meter import weight
from bpflow.expressions.parse import Parsed, Path, parse
from bpflow.expressions.template import Piece, Template, literal, parse_template, quoted, split_template, template_expression

__all__ = [
    "BUILTIN_NAMES",
    "FUNCTIONS",
    "MAX_ITEMS",
    "MAX_TEXT",
    "SITUATION_NAMES",
    "Absent",
    "Choice",
    "Code",
    "Department",
    "Document",
    "Duration",
    "EvaluationError",
    "ExpressionError",
    "File",
    "Function",
    "Parsed",
    "Path",
    "Piece",
    "Question",
    "Role",
    "Scope",
    "Template",
    "User",
    "Value",
    "compile_code",
    "describe",
    "duration_text",
    "literal",
    "parse",
    "parse_duration",
    "parse_template",
    "quoted",
    "split_template",
    "spoken",
    "template_expression",
    "weight",
]
