"""The activity `calendar-event`."""

from bpflow.definition.step import Step
from bpflow.definition.times import moment
from bpflow.definition.types import Duration, Expression, Template
from bpflow.graph import Call, Expr, Lowering


class CalendarEvent(Step):
    """Puts an entry into the calendars of people.

    `at` is when it begins; a date without a time is the start of that day. It lasts an hour unless `lasts` says otherwise.

        steps:
          - activity: calendar-event
            title: Meeting with $(document.name)
            at: document.meeting_at
            lasts: 90min
            to: document.responsible
            remind-before: 2h
    """

    title: Template
    """What stands in the calendar."""
    at: Expression
    """When it begins."""
    lasts: Duration = Expr('duration("1h")')
    """How long it lasts: a duration, or an expression that gives one."""
    to: Expression
    """In whose calendars it stands."""
    remind_before: Duration | None = None
    """How long before it the calendar reminds of it."""

    def lower(self, b: Lowering) -> None:
        """One Call."""
        arguments = [("title", self.title.expr), ("at", moment(self.at)), ("lasts", self.lasts), ("to", self.to)]
        if self.remind_before:
            arguments.append(("remind_before", self.remind_before))
        b.add(Call(b.path, "calendar.add", tuple(arguments), b.flow(b.path)))
