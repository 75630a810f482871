"""The activity `request-info`."""

from bpflow.activities.people import ToPeople


class RequestInfo(ToPeople):
    """Asks people to fill in a form and to choose an outcome.

    `to` says who is asked, `title` and `text` what they read, `show` what they see of the document. Each outcome is a button with
    fields of its own; `fill` names fields of the document that the answer writes. The first outcome may simply carry on; every
    other one says with `steps` or `next` what follows. Without `outcomes` there is one, `done`. A wrong answer is refused and the
    task stays open.

    A field with `when` is asked for only if that is true, one with `from` takes only what is among it, and `check` says what must hold of
    the form as a whole. In these the form's own fields are `<id>.<field>`, as afterwards, and `none` while they are empty; a field is asked
    for after those that it reads.

    By the deadline `due` nothing is decided: the task is marked as overdue, and `on-overdue` may remind, tell somebody, or choose
    an outcome. Afterwards, and partly before, `<id>.outcome`, `.by`, `.at`, `.comment`, `.answers`, `.waiting`, `.overdue` and each
    field `<id>.<field>` can be read.

        steps:
          - id: ask_meeting
            activity: request-info
            title: Is there a meeting with $(document.name)?
            to: document.responsible
            text: Call $(document.contact_person).
            show: [phone, email]
            due: 2 working days
            on-overdue: {remind: 1 working day}
            outcomes:
              arranged:
                title: Meeting arranged
                fields:
                  meeting_at: {type: datetime, title: When, required: true}
                  by_car: {type: boolean, title: By car}
                  driver: {type: user, title: Who drives, required: true, when: ask_meeting.by_car, from: members(with_role("driver"))}
                check:
                  - {that: ask_meeting.meeting_at > now, say: A meeting cannot be in the past}
              refused:
                title: Refused
                comment: required
                steps:
                  - {activity: end, result: refused}
          - {activity: calendar-event, title: Meeting, at: ask_meeting.meeting_at, to: document.responsible}
    """
