"""The services of bpflow itself that processes call as they call any other."""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.values import Field, ServiceType

HOUSE: Mapping[str, ServiceType] = {
    "absence": ServiceType(
        takes=(
            ("user", Field("user", required=True)),
            ("from", Field("date", required=True)),
            ("to", Field("date")),
            ("substitute", Field("user")),
            ("reason", Field("string")),
        ),
        gives=(("days", Field("integer")), ("substitute", Field("user"))),
    ),
}
"""What the services of bpflow take and give that `call-service` calls: `absence` enters days on which a person is away."""
