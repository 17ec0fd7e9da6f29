"""Events that ask for something, as EventBridge delivers them.

An event may ask for a rotation or report a leak;
there is no way in it to say a role, a name, a validity or a key.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from keyturn import keytext
from keyturn.errors import FieldInvalid
from keyturn.keys import Rotation
from keyturn.schemas import Alias, RotationId
from keyturn.settings import LONGEST_GRACE, settings

SOURCE = "keyturn.request"
SCHEDULE = ("aws.events", "Scheduled Event")

_STRICT = ConfigDict(strict=True, hide_input_in_errors=True)


class _Named(BaseModel):
    """Names one key; what else a detail carries is not looked at."""

    model_config = _STRICT

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{17}$")] | None = None
    alias: Alias | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.id is None) == (self.alias is None):
            raise ValueError("exactly one of id and alias")
        return self

    def key_id(self) -> str:
        """Return the id of the key meant."""
        return self.id or keytext.id_of(settings().id_salt, self.alias or "")


class _RotationDetail(_Named):
    grace_seconds: Annotated[int, Field(ge=0, le=LONGEST_GRACE)] = Field(
        default_factory=lambda: settings().default_grace_seconds
    )
    rotation_id: RotationId | None = None


class _Asking(BaseModel):
    """The envelope; `time` has seconds, and is when it happened, not when it came."""

    model_config = _STRICT

    # It goes into events and the audit trail: no underscore, so that no key string passes for one.
    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
    source: Literal["keyturn.request"]
    account: str
    time: Annotated[AwareDatetime, Field(strict=False)]

    @property
    def at(self) -> int:
        """Epoch seconds."""
        return int(self.time.timestamp())


class RotationRequested(_Asking):
    """Detail type `Rotation Requested`."""

    detail: _RotationDetail

    def rotation(self) -> Rotation:
        """Return what is asked for: the event's own id makes a second delivery known."""
        return Rotation(
            id=self.detail.rotation_id or self.id,
            grace_seconds=self.detail.grace_seconds,
            asked_at=self.at,
        )


class KeyCompromised(_Asking):
    """Detail type `Key Compromised`."""

    detail: _Named

    def rotation(self) -> Rotation:
        """Return the rotation that ends the string at once."""
        return Rotation(id=self.id, grace_seconds=0, force=True, asked_at=self.at)


_TYPES: dict[str, type[RotationRequested | KeyCompromised]] = {
    "Rotation Requested": RotationRequested,
    "Key Compromised": KeyCompromised,
}


def asked(event: dict[str, Any]) -> RotationRequested | KeyCompromised:
    """Read an event that asks for something.

    Raises:
        FieldInvalid: not from a source that may ask, of another type or another shape, or out of an
            archive; the message names the place and holds nothing of the event.
    """
    if "replay-name" in event:
        # The rules keep it out, too. What an archive holds was asked for long ago, and done.
        raise FieldInvalid("replay-name: was asked for before")
    model = _TYPES.get(str(event.get("detail-type")))
    if model is None:
        raise FieldInvalid("detail-type: unknown")
    try:
        return model.model_validate(event)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise FieldInvalid(f"{place or 'event'}: not what it must be") from None
