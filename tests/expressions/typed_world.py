"""A world with a value of every type, random expressions about it, and random values for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

from bpflow.diagnostics import say
from bpflow.expressions import Department, Document, Duration, EvaluationError, File, Role, User
from bpflow.expressions.inference import Known
from bpflow.expressions.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DEPARTMENT,
    DURATION,
    FILE,
    INTEGER,
    NUMBER,
    ROLE,
    TEXT,
    USER,
    Type,
    list_of,
    one_of_types,
    record_of,
)
from tests.expressions.conftest import World

STATUS = Type("text", values=("new", "won", "lost"), titles=("Новая", "Выиграна", "Проиграна"))
DEAL, COMPANY = Type("document", of=("deal",)), Type("document", of=("company",))
ROW = record_of([("price", NUMBER), ("count", INTEGER.or_none()), ("who", USER.or_none()), ("note", TEXT)])
MIXED = one_of_types(INTEGER, TEXT, DATE, USER, list_of(INTEGER))
ASK = record_of([("outcome", STATUS), ("at", DATETIME), ("count", INTEGER), ("note", TEXT.or_none()), ("by", USER), ("days", list_of(DATE))])

NAMES: Mapping[str, Type] = {
    "flag": BOOLEAN,
    "maybe_flag": BOOLEAN.or_none(),
    "count": INTEGER,
    "maybe_count": INTEGER.or_none(),
    "price": NUMBER,
    "maybe_price": NUMBER.or_none(),
    "word": TEXT,
    "maybe_word": TEXT.or_none(),
    "status": STATUS,
    "maybe_status": STATUS.or_none(),
    "day": DATE,
    "maybe_day": DATE.or_none(),
    "instant": DATETIME,
    "maybe_instant": DATETIME.or_none(),
    "length": DURATION,
    "maybe_length": DURATION.or_none(),
    "initiator": USER,
    "maybe_user": USER.or_none(),
    "group": DEPARTMENT,
    "role": ROLE,
    "document": DEAL,
    "other": Type("document", of=("deal", "company")),
    "maybe_client": COMPANY.or_none(),
    "file": FILE,
    "ask": ASK,
    "maybe_ask": ASK.or_none(),
    "flags": list_of(BOOLEAN),
    "counts": list_of(INTEGER),
    "prices": list_of(NUMBER),
    "words": list_of(TEXT),
    "maybe_words": list_of(TEXT).or_none(),
    "days_off": list_of(DATE),
    "lengths": list_of(DURATION),
    "people": list_of(USER),
    "holes": list_of(USER.or_none()),
    "rows": list_of(ROW),
    "deals": list_of(DEAL),
    "unclear": ANY,
    "mixed": MIXED,
    "maybe_mixed": MIXED.or_none(),
    "mixes": list_of(MIXED),
}
DOCUMENTS = {
    "deal": (
        ("status", STATUS.or_none()),
        ("amount", NUMBER.or_none()),
        ("deadline", DATE),
        ("client", COMPANY.or_none()),
        ("responsible", USER),
        ("tags", list_of(TEXT)),
    ),
    "company": (("name", TEXT), ("size", INTEGER.or_none()), ("manager", USER.or_none())),
}
PERSON = (("name", TEXT), ("email", TEXT.or_none()), ("experience", INTEGER.or_none()), ("department", DEPARTMENT.or_none()))
GROUP = (("name", TEXT), ("title", TEXT), ("head", USER.or_none()))


def known(names: Mapping[str, Type] = NAMES) -> Known:
    """What is known in that world."""
    return Known(names, DOCUMENTS, PERSON, GROUP)


OF_VALUES = (
    "division by zero",
    "there is no item {index} in {value}",
    "the result is too large",
    "the duration is too long",
    '"{a}" and "{b}" cannot be compared',
    "the date is outside the calendar",
    '"{duration}" cannot be added to a date',
    "{value} is not a ",
    '"{name}" of an empty list',
    "too many items",
    "the list is too long",
    "the text is too long",
    "the id of a user is empty",
    '"round" takes from',
    'the level of "head_of"',
    "the text to be replaced is empty",
    "the separator is empty",
    "dates are not known in",
    '"{text}" is not a duration',
)
"""How the refusals begin that a value earns, and not its kind."""


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "integer": (-1, 0, 1, 2, 5),
    "number": (0, 1, 5, Decimal("1.5"), Decimal("-2"), Decimal("5.0")),
    "text": ("", "a", "5", "new", "won", "ivanov", "2026-03-01"),
    "date": (date(2026, 3, 1), date(2026, 3, 2), date(2026, 12, 31)),
    "datetime": (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 7, 0, tzinfo=UTC), datetime(2026, 12, 31, 21, 0, tzinfo=UTC)),
    "duration": (Duration(), Duration(days=1), Duration(working_days=2), Duration(seconds=7200), Duration(months=1)),
    "user": (User("ivanov"), User("petrova"), User("head1")),
    "department": (Department("sales"), Department("lawyers")),
    "role": (Role("director"), Role("lawyer")),
    "file": (File("a", "1"), File("offer.docx", "2")),
}


def value_of(type: Type, chance: Random, *, full: bool = False, present: bool = False) -> Any:
    """A random value of the type; `full`: its lists are not empty; `present`: nothing of it is none that can be something else."""
    if type.optional and not present and chance.random() < 0.4:
        return None
    match type.kind:
        case "any":
            return value_of(chance.choice([BOOLEAN, INTEGER, TEXT, DATE, USER]), chance)
        case "none":
            return None
        case "one-of":
            return value_of(chance.choice(type.among), chance, full=full, present=present)
        case "list":
            return [value_of(type.item or TEXT, chance, full=full, present=present) for _ in range(chance.randint(int(full), 3))] if type.item else []
        case "record":
            return {name: value_of(one, chance, full=full, present=present) for name, one in type.fields}
        case "document":
            return Document(chance.choice(type.of or ("deal",)), chance.randint(1, 2))
        case "text" if type.values is not None:
            return chance.choice(type.values)
    return chance.choice(_VALUES[type.kind])


def is_of(value: Any, type: Type) -> bool:
    """Whether the value is one of the type."""
    if value is None:
        return type.optional or type.kind in ("none", "any")
    return any(_is_one(value, one) for one in type.each)


_CLASSES: Mapping[str, type | tuple[type, ...]] = {
    "number": Decimal,
    "text": str,
    "date": date,
    "datetime": datetime,
    "duration": Duration,
    "user": User,
    "department": Department,
    "role": Role,
    "file": File,
}


def _is_one(value: Any, type: Type) -> bool:
    match type.kind:
        case "any":
            return True
        case "none":
            return False
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number" if isinstance(value, int):
            return not isinstance(value, bool)
        case "integer":
            return False
        case "date" if isinstance(value, datetime):
            return False
        case "list":
            return isinstance(value, list) and all(type.item is not None and is_of(item, type.item) for item in value)
        case "record":
            return isinstance(value, dict) and all(name in value and is_of(value[name], one) for name, one in type.fields)
        case "document":
            return isinstance(value, Document) and (not type.of or value.type in type.of)
    return isinstance(value, _CLASSES[type.kind]) and (type.values is None or value in type.values)


@dataclass
class TypedWorld(World):
    """Answers what documents and the directory hold by random values of the types that are known of them."""

    chance: Random = field(default_factory=Random)
    full: bool = False
    present: bool = False
    held: dict[Any, Any] = field(default_factory=dict)

    def ask(self, question: Any) -> Any:
        kind, *rest = question
        return getattr(self, f"answer_{kind}")(*rest)

    def hold(self, key: Any, type: Type) -> Any:
        if key not in self.held:
            self.held[key] = value_of(type, self.chance, full=self.full, present=self.present)
        return self.held[key]

    def answer_document(self, document: Document, name: str) -> Any:
        fields = dict(DOCUMENTS[document.type])
        if name not in fields:
            raise NoField(name)
        return self.hold((document, name), fields[name])

    def answer_calendar(self, operation: str, *arguments: Any) -> Any:
        if operation == "format" and "H" in arguments[1] and not isinstance(arguments[0], datetime):
            raise EvaluationError(say("no time of day"))
        if operation == "next_working_day" and isinstance(arguments[0], datetime):
            return super().answer_calendar(operation, arguments[0].date(), *arguments[1:])
        return super().answer_calendar(operation, *arguments)

    def answer_directory(self, function: str, *arguments: Any) -> Any:
        if function != "attribute":
            return super().answer_directory(function, *arguments)
        who, name = arguments
        fields = dict(PERSON if isinstance(who, User) else GROUP)
        if name not in fields:
            raise NoField(name)
        return self.hold((who, name), fields[name])


class NoField(Exception):
    """A field is read that there is not."""


# ── expressions ─────────────────────────────────────────────────────────────────────────────────────────────────────
GRAMMAR: Mapping[str, tuple[str, ...]] = {
    kind: tuple(re.split(r"\s+·\s+", forms.strip()))
    for kind, forms in {
        "boolean": """
            flag · maybe_flag · true · not {boolean} · {boolean} and {boolean} · {boolean} or {boolean} · {integer} < {number} ·
            {date} <= {date} · {datetime} > {datetime} · {duration} >= {duration} · {text} < {text} · {integer} < {integer} < {number} ·
            {text} == {text} · {status} == {status} · {user} != {user} · {date} == {date} · {number} == {integer} · {any} == {any} ·
            {any} != none · {boolean} == {boolean} · {document} == {document} · {group} == {group} · {list} == {list} · {text} in {text} ·
            {user} in {people} · {text} in {words} · {status} in [{status}, {status}] · {integer} not in {counts} · {any} in {list} ·
            any({boolean} for {new} in {list}) · all({boolean} for {new} in rows if {boolean}) · any({flags}) · is_absent({user}) ·
            is_absent({user}, {date}) · is_working_day({date}) · starts_with({text}, {text}) · contains({text}, {text}) ·
            {boolean} if {boolean} else {boolean} · coalesce({boolean}, {boolean}) · maybe_count != none and maybe_count {order} {integer} ·
            maybe_word == none or {text} in maybe_word · ask.outcome == {status} · maybe_ask.outcome == {status} ·
            document.client != none and document.client.name == {text}
        """,
        "integer": """
            count · maybe_count · 0 · 2 · {integer} + {integer} · {integer} - {integer} · {integer} * {integer} · {integer} // {integer} ·
            {integer} % {integer} · -{integer} · len({text}) · len({list}) · round({number}) · floor({number}) · ceil({number}) ·
            abs({integer}) · weekday({date}) · weekday({datetime}) · open_tasks({user}) · sum({counts}) · min({counts}) ·
            max({integer}, {integer}) · {counts}[{integer}] · coalesce({integer}, {integer}) · ask.count ·
            {integer} if {boolean} else {integer} · sum({integer} for {new} in {list}) · document.client.size · {user}.experience ·
            maybe_ask.count · rows[{integer}].count
        """,
        "number": """
            price · maybe_price · 1.5 · {number} + {number} · {number} - {integer} · {number} * {number} · {integer} / {integer} ·
            {number} // {number} · {number} % {number} · -{number} · round({number}, 2) · number({text}) · abs({number}) · sum({prices}) ·
            max({prices}) · min({number}, {integer}) · document.amount · coalesce(document.amount, {number}) ·
            sum(r.price for r in rows if {boolean}) · rows[{integer}].price · {integer}
        """,
        "text": """
            word · maybe_word · "a" · "5" · "ivanov" · "2026-03-01" · {text} + {text} · lower({text}) · upper({text}) · strip({text}) ·
            {status} · replace({text}, {text}, {text}) · split({text}, {text})[{integer}] · text({any}, {any}) · join({list}) ·
            join({words}, {text}) · format({date}, "d MMMM") · format({date}, "HH:mm") ·
            format({datetime}, "d HH") · file.name · {user}.name · {user}.email · document.client.name · ask.note ·
            {text} if {boolean} else {text} · coalesce({text}, {text}) · {words}[{integer}] · min({words}) ·
            maybe_client.name · group.title · document.nme · ask.nothing · {user}.nme ·
            {user}["name"] · maybe_ask.note · other.name
        """,
        "status": """
            status · maybe_status · "won" · "lost" · "wonn" · "Выиграна" · document.status · ask.outcome · coalesce({status}, {status})
        """,
        "date": """
            day · maybe_day · date("2026-03-01") · today() · {date} + {duration} · {date} - {duration} · date({datetime}) · date({text}) ·
            add_months({date}, {integer}) · next_working_day({date}) · min({date}, {date}) · max({days_off}) · document.deadline ·
            {date} if {boolean} else {date} · coalesce({date}, {date}) · {days_off}[{integer}] · ask.days[0] · {duration} + {date}
        """,
        "datetime": """
            instant · maybe_instant · now · {datetime} + {duration} · {datetime} - {duration} · at_time({date}, "09:00") ·
            at_time({date}, {text}) · datetime({text}) · deadline({date}) · deadline({duration}) · moment({date}) ·
            add_months({datetime}, {integer}) · max({datetime}, {datetime}) · ask.at · coalesce({datetime}, now)
        """,
        "duration": """
            length · maybe_length · days({integer}) · hours(2) · working_days(2) · weeks(1) · {duration} + {duration} · {duration} * {integer} ·
            {integer} * {duration} · -{duration} · {date} - {date} · {datetime} - {datetime} · duration("2h") · sum({lengths}) ·
            max({lengths}) · coalesce({duration}, days(1)) · {duration} * {number}
        """,
        "user": """
            initiator · maybe_user · user("ivanov") · user({text}) · head_of({user}) · head_of({group}, {integer}) · acting({user}) ·
            document.responsible · ask.by · {people}[{integer}] · coalesce({user}, initiator) · document.client.manager · group.head ·
            holes[{integer}] · {user} if {boolean} else {user} · rows[{integer}].who
        """,
        "group": """
            group · department("sales") · department_of({user}) · departments()[{integer}] · {user}.department · coalesce({group}, group)
        """,
        "role": """
            role · with_role("director") · with_role({text})
        """,
        "document": """
            document · other · document.client · maybe_client · deals[{integer}] · coalesce(document.client, maybe_client)
        """,
        "flags": """
            flags · list({boolean} for {new} in {list}) · [{boolean}]
        """,
        "counts": """
            counts · [{integer}, {integer}] · {counts} + {counts} · list({integer} for {new} in {list} if {boolean}) · unique({counts}) · []
        """,
        "prices": """
            prices · counts · list({number} for {new} in {list}) · [{number}, {integer}] · list(r.price for r in rows)
        """,
        "words": """
            words · maybe_words · split({text}, {text}) · document.tags · coalesce(maybe_words, []) · [{text}, {status}] · unique({words})
        """,
        "days_off": """
            days_off · ask.days · list({date} for {new} in {list}) · [{date}]
        """,
        "lengths": """
            lengths · [{duration}, {duration}] · list({duration} for {new} in {list})
        """,
        "people": """
            people · members({group}) · members({role}) · chain({user}) · list(r.who for r in rows if r.who != none) · holes ·
            [{user}, {user}] · unique({people})
        """,
        "unclear": """
            unclear · mixed · maybe_mixed · mixes · mixes[{integer}] · {unclear} + {unclear} · {integer} if {boolean} else {text} · [{integer}, {text}]
        """,
        "record": """
            ask · maybe_ask · rows[{integer}]
        """,
    }.items()
}
"""How an expression of each kind may be written; `{integer}` is an expression of that kind, `{new}` the name of an item."""
GROUPS = {"list": ("flags", "counts", "prices", "words", "days_off", "lengths", "people"), "any": tuple(GRAMMAR), "order": ()}
_ALONE = re.compile(r'[\w.]+|\w+\([^()]*\)|"[^"]*"|\[[^\[\]]*\]')
_HOLE = re.compile(r"\{([a-z_]+)\}")


class Writer:
    """Writes random expressions; `slips`: how often something of a wrong kind gets in."""

    def __init__(self, chance: Random, slips: float) -> None:
        self.chance = chance
        self.slips = slips
        self.bound: list[str] = []
        self.fresh = 0

    def expression(self, kind: str, depth: int) -> str:
        """An expression of a kind."""
        if self.chance.random() < self.slips:
            kind = "any"
        if kind in GROUPS:
            kind = self.chance.choice(GROUPS[kind])
        if self.bound and self.chance.random() < 0.25:
            return self.chance.choice(self.bound)
        forms = GRAMMAR[kind]
        if depth <= 0:
            forms = tuple(form for form in forms if "{" not in form)
        return self.filled(self.chance.choice(forms), depth)

    def filled(self, form: str, depth: int) -> str:
        name = ""
        if "{new}" in form:
            if len(self.bound) >= 2:
                return self.filled("counts" if not form.startswith(("any", "all")) else "flag", depth)
            self.fresh += 1
            name = f"i{self.fresh}"

        def fill(hole: re.Match[str]) -> str:
            if hole[1] == "new":
                return name
            if hole[1] == "order":
                return self.chance.choice(["<", "<=", ">", "+", "=="])
            inside = bool(name) and not form[: hole.start()].endswith(" in ")
            if inside:
                self.bound.append(name)
            made = self.expression(hole[1], depth - 1)
            if inside:
                self.bound.pop()
            return made if _ALONE.fullmatch(made) else f"({made})"

        return _HOLE.sub(fill, form)
