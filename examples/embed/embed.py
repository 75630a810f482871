"""The engine in a program, with an activity of its own, `send-sms`, and the service that it calls; the process is in visit.yaml."""

from pathlib import Path

from bpflow import Request, open_engine
from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Template
from bpflow.graph import Call, Lowering


class SendSms(Step):
    to: Expression
    text: Template

    def lower(self, b: Lowering) -> None:
        b.add(Call(b.path, "sms.send", (("to", self.to), ("text", self.text.expr)), b.flow(b.path)))


def send(request: Request, to: str, text: str) -> None:  # `request.key` is the same for each attempt: give it to your provider
    print("SMS to", to, "-", text)


with open_engine(":memory:", Path(__file__).parent, activities={"send-sms": SendSms}, services={"sms.send": send}) as engine:
    engine.deploy_workspace()
    visit = engine.start("visit", inputs={"client": "Anna", "phone": "+7 000 111-22-33"})
    (task,) = engine.tasks("petrov")
    engine.answer(task.id, by="petrov", outcome="agreed", values={"day": "2026-03-05"})
    engine.work()
    print(task.subject, "-", engine.instance(visit).row.result)
