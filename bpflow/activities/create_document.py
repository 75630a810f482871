"""The activity `create-document`."""

from collections.abc import Iterator, Mapping

from bpflow.definition.step import Step
from bpflow.definition.types import Given, Givens, Result
from bpflow.diagnostics import Span, did_you_mean, each_quoted, say
from bpflow.expressions import quoted
from bpflow.graph import Call, Expr, Lowering, World
from bpflow.graph.written import scalar, span_of, start_of
from bpflow.values import DocumentType, Field


class CreateDocument(Step):
    """Makes a new document.

    `set` gives its fields values: a literal is read by the type of the field, `$(…)` gives the value of an expression; fields that are
    not named get their defaults, and a required one without a default must be named. `link` ties it to the document of the process:
    the field before the colon, of the document of the process, gets the new one (added to the others, if the field holds several),
    and the field behind it, of the new one, gets the document of the process. What follows finds the new document in
    `<id>.document`. Other processes that start when such a document is created start; this one does not start itself.

        steps:
          - id: renewal
            activity: create-document
            type: deal
            set: {name: Renewal of $(document.name), status: new, responsible: $(document.responsible)}
            link: {renewals: renewal_of}
          - {activity: notify, to: document.responsible, text: There is a new deal - $(renewal.document.name)}
    """

    type: Result
    """The type of the new document."""
    set: Givens = ()
    """The values of its fields."""
    link: Givens = ()
    """Fields of the document of the process that refer to the new one, each with the field of the new one that refers back."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """The new document."""
        return {"document": Field("document", of=(str(self.type),))}

    def lower(self, b: Lowering) -> None:
        """One Call."""
        type = b.document_type(str(self.type), span_of(self.type))
        links = self._links(b, type)
        values = {given.name: self._value(b, given, type, links) for given in self.set}
        values |= {there: expr for there, expr in links.items() if there not in values}
        values |= dict(self._defaults(b, type, values))
        arguments = [("type", Expr(quoted(str(self.type)))), *((f"set.{name}", expr) for name, expr in values.items())]
        if links:
            here = Expr(f"[{', '.join(quoted(link.name) for link in self.link)}]")
            arguments += [("document", Expr("document", start_of(self.place))), ("link", here)]
        b.add(Call(b.path, "documents.create", tuple(arguments), b.flow(b.path), gives=b.name))

    def _value(self, b: Lowering, given: Given, type: DocumentType | None, links: Mapping[str, Expr]) -> Expr:
        field = _field(b, type, given.name, given.name_place)
        if given.name in links:
            b.report("wrong-value", say('"{field}" gets the document of the process by "link"', field=given.name), at=given.name_place)
        return b.value(given.raw, field, given.place)

    def _defaults(self, b: Lowering, type: DocumentType | None, values: Mapping[str, Expr]) -> Iterator[tuple[str, Expr]]:
        """The defaults of the fields that are not named; a required field without one is missing."""
        rest = {name: field for name, field in type.fields if name not in values} if type else {}
        missing = [name for name, field in rest.items() if field.required and field.default is None]
        if missing:
            message = say('a document of the type "{type}" must have: {fields}', type=str(self.type), fields=each_quoted(missing))
            b.report("missing-key", message, say('write it in "set"'))
        for name, field in rest.items():
            if field.default is not None:
                yield name, Expr(field.default, start_of(self.place))

    # ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _links(self, b: Lowering, type: DocumentType | None) -> dict[str, Expr]:
        """The fields of the new document that refer back, with their values."""
        if self.link and not b.world.has_document:
            b.report("missing-key", say('"{key}" needs a document, and the process has none', key="link"), at=self.key_span("link"))
            return {}
        own, found = b.world.document, {}
        for link in self.link:
            there, place = scalar(link.raw), link.place
            _referring(b, own, link.name, str(self.type), link.name_place)
            field = _referring(b, type, there, own.type if own else None, place)
            found[there] = Expr("[document]" if field and field.many else "document", start_of(place))
        return found


def _referring(b: Lowering, type: DocumentType | None, name: str, to: str | None, place: Span) -> Field | None:
    """A field that must be able to refer to a document of the type `to`."""
    field = _field(b, type, name, place)
    if field and (field.kind != "document" or (field.of and to is not None and to not in field.of)):
        b.report("wrong-value", say('"{field}" cannot refer to a document of the type "{type}"', field=name, type=to or ""), at=place)
    return field


def _field(b: Lowering, type: DocumentType | None, name: str, place: Span) -> Field | None:
    fields = dict(type.fields) if type else {}
    if type and name not in fields:
        b.report("unknown-field", say('the type "{type}" has no field "{field}"', type=type.type, field=name), did_you_mean(name, fields), place)
    return fields.get(name)
