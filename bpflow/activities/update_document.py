"""The activity `update-document`."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from bpflow.definition import filling as forms
from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Given, Givens, Template
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.graph import Call, Expr, Lowering
from bpflow.graph.written import start_of
from bpflow.values import Field


class UpdateDocument(Step):
    """Changes the document of the process, or another one.

    `set` gives fields new values: a literal is read by the type of the field, `$(…)` gives the value of an expression, and the bare
    word `none` empties the field. `add` puts values into fields that hold several, `remove` takes them out; for a number they add
    and subtract. `note` writes a line into the feed of the document. What follows sees the new values.

        steps:
          - activity: update-document
            set: {status: signed, signed_at: $(now)}
            add: {tags: contract}
            note: The contract was signed.
          - {activity: update-document, document: document.client, set: {last_contact: $(today())}}
    """

    set: Givens = ()
    """New values of fields."""
    add: Givens = ()
    """Values that are added to fields."""
    remove: Givens = ()
    """Values that are taken out of fields."""
    note: Template | None = None
    """A line in the feed of the document."""
    document: Expression | None = None
    """Which document; without it, that of the process."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Nothing to change."""
        yield from super().mistakes()
        if not self.model_fields_set & {"set", "add", "remove", "note"}:
            yield Diagnostic(self.place, "missing-key", say('nothing is changed: write "set", "add", "remove" or "note"'))

    def lower(self, b: Lowering) -> None:
        """One Call."""
        if self.document is None and not b.world.has_document:
            b.report("missing-key", say('"{key}" needs a document, and the process has none', key=str(self.activity)))
        fields = b.fields_of(self.document)
        arguments = [("document", self.document or Expr("document", start_of(self.place)))]
        if self.document is None or self.document.text == "document":
            forms.moves_by_next(b, (given.name for given in (*self.set, *self.add, *self.remove)))
        for how in ("set", "add", "remove"):
            arguments += ((f"{how}.{given.name}", self._value(b, given, fields, how)) for given in getattr(self, how))
        if self.note:
            arguments.append(("note", self.note.expr))
        b.add(Call(b.path, "documents.update", tuple(arguments), b.flow(b.path)))

    def _value(self, b: Lowering, given: Given, fields: Mapping[str, Field] | None, how: str) -> Expr:
        field = fields.get(given.name) if fields is not None else None
        if fields is not None and field is None:
            b.report("unknown-field", say('the document has no field "{field}"', field=given.name), did_you_mean(given.name, fields), given.name_place)
        if field and how != "set":
            if not field.many and field.kind not in ("integer", "number", "money"):
                message = say('"{field}" is neither a list nor a number, so "{how}" has no meaning', field=given.name, how=how)
                b.report("wrong-value", message, at=given.name_place)
            field = replace(field, many=field.many and isinstance(given.raw, list), min=None, max=None, required=False)
        return b.value(given.raw, field, given.place)
