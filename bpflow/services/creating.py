"""Documents that processes make and change."""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.diagnostics import Refused, each_quoted, say
from bpflow.expressions.data import Document, Value
from bpflow.services.documents import changed_fields, new_fields
from bpflow.services.occasion import MAX_DEPTH, Arguments, Occasion, parts_of
from bpflow.services.secrets import Keeping, all_fresh
from bpflow.stores.contract import DocumentRow
from bpflow.values import DocumentType


def create_document(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """A new document of the instance's owner: one transaction makes it and the reference to it. Refused where a field may not be so."""
    type = occasion.document_type(str(arguments["type"]))
    keeping = Keeping(occasion.work)
    fields = keeping.handles(all_fresh(type.fields, new_fields(type, parts_of(arguments, "set")["set"])))
    _not_too_deep(occasion)
    links, here = arguments.get("link"), arguments.get("document")
    row = _linked(occasion, here, links, Document(type.type, 0)) if isinstance(links, list) else None
    made = occasion.work.add_document(type.type, fields, occasion.at, None, occasion.process, occasion.depth + 1, occasion.owner)
    keeping.write(occasion.owner, occasion.at, None)
    if row is not None and isinstance(links, list):
        after = _with_links(occasion, row, links, made.ref)
        occasion.work.change_document(row, after, occasion.at, None, occasion.process, occasion.depth + 1, None)
    return {"document": made.ref}


def _linked(occasion: Occasion, here: Value, links: list[Value], new: Document) -> DocumentRow:
    """The document that will refer to the new one. Refused where it may not."""
    row = _existing(occasion, here)
    _with_links(occasion, row, links, new)
    return row


def _with_links(occasion: Occasion, row: DocumentRow, links: list[Value], new: Document) -> Mapping[str, Value]:
    """The fields of a document that refers to the new one: added where a field is a list."""
    type = occasion.document_type(row.ref.type)
    many = {name for name, field in type.fields if field.many}
    names = [str(name) for name in links]
    return changed_fields(type, row.fields, {name: new for name in names if name not in many}, {name: new for name in names if name in many})


def update_document(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Changes fields of a document; `note` writes a line in its feed. Refused where a field may not be so.

    Where the change moves the document to a `stage` (its title), these fields must not be empty afterwards: those that it `needs`.
    """
    row = _existing(occasion, arguments.get("document"))
    type = occasion.document_type(row.ref.type)
    _not_too_deep(occasion)
    parts = parts_of(arguments, "set", "add", "remove")
    fields = changed_fields(type, row.fields, parts["set"], parts["add"], parts["remove"])
    _has_what_is_needed(type, fields, arguments)
    note = arguments.get("note")
    if fields != row.fields or note:
        keeping = Keeping(occasion.work, row.fields.values())
        after = keeping.handles(all_fresh(type.fields, fields))
        occasion.work.change_document(row, after, occasion.at, None, occasion.process, occasion.depth + 1, str(note) if note else None)
        keeping.write(row.owner, occasion.at, None)
    return {}


def _has_what_is_needed(type: DocumentType, fields: Mapping[str, Value], arguments: Arguments) -> None:
    needs, known = arguments.get("needs"), dict(type.fields)
    missing = [str(name) for name in needs if name not in fields] if isinstance(needs, list) else []
    if missing:
        titles = each_quoted([known[name].title or name for name in missing])
        raise Refused(say('the stage "{stage}" needs what is not filled: {fields}', stage=arguments.get("stage"), fields=titles))


def _existing(occasion: Occasion, ref: Value) -> DocumentRow:
    if not isinstance(ref, Document):
        raise Refused(say("there is no document to change"))
    row = occasion.work.document(ref.id)
    if row is None or row.ref != ref:
        raise Refused(say('there is no document "{type}:{id}"', type=ref.type, id=ref.id))
    return row


def _not_too_deep(occasion: Occasion) -> None:
    if occasion.depth > MAX_DEPTH:
        raise Refused(say("processes change documents in each other more than {bound} deep", bound=MAX_DEPTH))
