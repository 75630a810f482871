"""What may be written in `bpflow.yaml`, and what its shape cannot say."""

from typing import Any

import pytest
from pydantic import ValidationError

from bpflow.definition.settings import Settings, check_settings
from bpflow.schema.generate import model_schema
from bpflow.source import read_source

GOOD = """\
timezone: Asia/Yekaterinburg
language: ru
calendar:
  country: RU
  weekend: [saturday, sunday]
  hours: ["09:00-13:00", "14:00-18:00"]
  holidays:
    - 2026-12-30
    - {date: 2026-08-07, name: День основания компании}
  working-days: [2026-12-31]
  shortened: [2026-12-29]
directory: people.yaml
channels:
  email: {title: Почта}
  telegram: {title: Телеграм}
rules:
  step-without-id: {severity: off, reason: черновики процессов}
"""


def found(text: str) -> list[str]:
    source = read_source(text, "bpflow.yaml")
    assert not source.findings
    findings = check_settings(Settings.model_validate(source.tree), source)
    return [f"{f.span.line}:{f.span.column} {f.message}{f' — {f.hint}' if f.hint else ''} [{f.rule}]" for f in findings]


def test_a_good_file_has_no_findings() -> None:
    assert found(GOOD) == []


def test_nothing_said_is_moscow_and_the_russian_calendar() -> None:
    settings = Settings.model_validate({})
    assert (settings.timezone, settings.language, settings.calendar.country, settings.calendar.ranges) == ("Europe/Moscow", "ru", "RU", ("09:00-18:00",))


@pytest.mark.parametrize(
    "old,new,finding",
    [
        ("Yekaterinburg", "Ekaterinburg", '1:11 there is no time zone "Asia/Ekaterinburg" — did you mean "Asia/Yekaterinburg"? [unknown-timezone]'),
        ("14:00-18:00", "12:00-18:00", '6:26 the working hours "12:00-18:00" begin before the ones above them end [working-hours]'),
        ("14:00-18:00", "14:00-13:30", '6:26 the working hours "14:00-13:30" end before they begin [working-hours]'),
        ('["09:00-13:00", "14:00-18:00"]', "[]", "6:10 a day without working hours: nothing could ever be due [working-hours]"),
        ("[2026-12-31]", "[2026-12-30]", "10:18 2026-12-30 is among the holidays too: is it worked or not? [day-worked-and-free]"),
        (
            "[saturday, sunday]",
            "[monday, tuesday, wednesday, thursday, friday, saturday, sunday]",
            "5:12 a week without working days: nothing could ever be due [no-working-day]",
        ),
    ],
)
def test_settings_that_cannot_be(old: str, new: str, finding: str) -> None:
    assert GOOD.count(old) == 1
    assert found(GOOD.replace(old, new)) == [finding]


@pytest.mark.parametrize(
    "data",
    [
        {"timezon": "Europe/Moscow"},
        {"calendar": {"working_days": []}},
        {"calendar": {"country": "Россия"}},
        {"calendar": {"hours": "9-18"}},
        {"calendar": {"weekend": ["суббота"]}},
        {"calendar": {"holidays": ["30.12.2026"]}},
        {"directory": "../people.yaml"},
        {"rules": {"unreachable-step": {"severity": "off"}}},
        {"language": "de"},
        {"services": {"Курс": {"url": "https://example.org"}}},
        {"services": {"rate": {"url": "ftp://example.org"}}},
        {"services": {"rate": {"url": "https://example.org", "method": "FETCH"}}},
    ],
)
def test_what_may_not_be_written(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(data)


def test_every_key_is_explained_to_editors() -> None:
    schema = model_schema(Settings, "settings")
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert all("description" in key for key in model["properties"].values()), model["title"]


def test_the_name_of_a_service_of_the_house_is_taken() -> None:
    assert found("services:\n  absence: {title: Отпуска}\n") == ['2:3 "absence" is a service of the house: call yours otherwise [duplicate-id]']
