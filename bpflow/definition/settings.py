"""The file `bpflow.yaml`: the settings of a workspace, as an analyst writes them; and the checks that their shape cannot say."""

import re
import zoneinfo
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from bpflow.definition.directory import Keys, Places
from bpflow.definition.entries import Day
from bpflow.definition.services import ServiceSettings, check_services
from bpflow.definition.zones import USUAL_ZONE, is_zone, unknown_zone
from bpflow.diagnostics import Diagnostic, did_you_mean, in_order, say

Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Hours: TypeAlias = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""Hours of one day, as 09:00-18:00."""


class Setting(BaseModel):
    """A part of `bpflow.yaml`; an unknown key in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class NamedDay(Setting):
    """A day with the name that people know it by."""

    date: Day = Field(description="The day.")
    name: str | None = Field(None, description="What day it is: День основания компании.")


class CalendarSettings(Setting):
    """When people work. The public holidays of the country are known; what the workspace does otherwise is said here."""

    country: str = Field(
        "RU", pattern=r"^([A-Z]{2}|none)$", description="The country whose public holidays and moved working days hold, by its ISO code; `none` for no country."
    )
    weekend: list[Weekday] = Field(["saturday", "sunday"], description="The days of the week that are not worked.")
    hours: Hours | list[Hours] = Field("09:00-18:00", description='The working hours; with a break, a list: ["09:00-13:00", "14:00-18:00"].')
    holidays: list[Day | NamedDay] = Field([], description="Further days that are not worked here: `2026-12-30`, or `{date: 2026-12-30, name: …}`.")
    working_days: list[Day | NamedDay] = Field(
        [],
        alias="working-days",
        description="Days that are worked here although they are a weekend or a public holiday. They win over everything else.",
    )
    shortened: list[Day | NamedDay] = Field([], description="Days whose working hours end one hour sooner, as before a public holiday.")

    @property
    def ranges(self) -> tuple[str, ...]:
        """The working hours as ranges, one or several."""
        return (self.hours,) if isinstance(self.hours, str) else tuple(self.hours)


class ChannelSettings(Setting):
    """A channel by which notices reach people. The directory knows each person's address on it."""

    title: str = Field(min_length=1, description="What people call it: Почта, Телеграм.")


class RuleSetting(Setting):
    """How grave the findings of one rule are in the whole workspace, with the reason."""

    severity: Literal["off", "advice", "warning", "error"] = Field(
        description="How grave what the rule finds is here; `off`: it is not told. What is an error by itself stays one."
    )
    reason: str = Field(min_length=1, description="Why, for whoever reads the settings later.")


class Settings(Setting):
    """The settings of a workspace. A file that is not there is the same as one that says nothing."""

    timezone: str = Field(USUAL_ZONE, description="The time zone of processes that name none, and of whole days: an IANA name such as Asia/Yekaterinburg.")
    language: Literal["ru", "en"] = Field("ru", description="The language of what processes write by themselves: names of months, titles of buttons.")
    calendar: CalendarSettings = Field(default_factory=lambda: CalendarSettings.model_construct(), description="Working days, public holidays, working hours.")
    directory: str = Field("directory.yaml", pattern=r"^[^/\\]+\.ya?ml$", description="The file with people, departments and roles, in the same folder.")
    channels: dict[str, ChannelSettings] = Field(
        default_factory=lambda: {"email": ChannelSettings.model_construct(title="E-mail")},
        description="How notices reach people, by the channel's id; the first is tried first.",
    )
    services: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$")], ServiceSettings] = Field(
        {}, description="The services that processes may call, by the name that `call-service` says."
    )
    operators: list[str] = Field(
        [],
        description="Who may see and repair every instance: people and roles of the directory, by their ids. Without it, everybody may.",
    )
    rules: dict[str, RuleSetting] = Field({}, description="Rules of the checker that are switched off, or taken more or less gravely, by the rule's id.")


def check_settings(settings: Settings, source: Places) -> list[Diagnostic]:
    """What the shape cannot say: an unknown time zone, hours in the wrong order, a week with no working day, a day that is both."""
    findings: list[Diagnostic] = []
    if not is_zone(settings.timezone):
        hint = did_you_mean(settings.timezone, zoneinfo.available_timezones())
        findings.append(Diagnostic(source.span_at(("timezone",)), "unknown-timezone", unknown_zone(settings.timezone), hint))
    findings += _wrong_hours(settings.calendar, source)
    findings += _wrong_days(settings.calendar, source)
    findings += check_services(settings.services, source)
    return in_order(findings)


def minutes_of(hours: str) -> tuple[int, int]:
    """The start and the end of `09:00-18:00` in minutes from midnight."""
    numbers = [int(part) for part in re.split("[:-]", hours)]
    return numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]


def day_of(entry: date | NamedDay) -> date:
    """The day of an entry in a list of days."""
    return entry.date if isinstance(entry, NamedDay) else entry


def _wrong_hours(calendar: CalendarSettings, source: Places) -> Iterator[Diagnostic]:
    before = -1
    for i, hours in enumerate(calendar.ranges):
        start, end = minutes_of(hours)
        place: Keys = ("calendar", "hours") if isinstance(calendar.hours, str) else ("calendar", "hours", i)
        if end <= start:
            yield Diagnostic(source.span_at(place), "working-hours", say('the working hours "{hours}" end before they begin', hours=hours))
        elif start < before:
            yield Diagnostic(source.span_at(place), "working-hours", say('the working hours "{hours}" begin before the ones above them end', hours=hours))
        before = end
    if not calendar.ranges:
        yield Diagnostic(source.span_at(("calendar", "hours")), "working-hours", say("a day without working hours: nothing could ever be due"))


def _wrong_days(calendar: CalendarSettings, source: Places) -> Iterator[Diagnostic]:
    if len(set(calendar.weekend)) == len(WEEKDAYS):
        yield Diagnostic(source.span_at(("calendar", "weekend")), "no-working-day", say("a week without working days: nothing could ever be due"))
    free = {day_of(entry) for entry in calendar.holidays}
    for i, entry in enumerate(calendar.working_days):
        if (day := day_of(entry)) in free:
            place = source.span_at(("calendar", "working-days", i))
            yield Diagnostic(place, "day-worked-and-free", say("{day} is among the holidays too: is it worked or not?", day=day))
