"""What Keyturn answers instead of a key.

KeyturnError
├── RequestError          the request is at fault; nothing was read or written
│   ├── BodyTooLarge
│   ├── InvalidBody
│   ├── AliasRequired
│   ├── NameRequired
│   ├── RolesInvalid
│   └── FieldInvalid
├── Forbidden             the caller is nobody we know; the authorizer was not asked
├── KeyNotFound           no such key, a wrong secret, or nothing left to revoke
├── RouteNotFound
├── KeyCompromised        a renewal would hand out a string known to have leaked
├── KeyInactive           rotation needs a key that works
├── GraceRunning          rotation would end a string that consumers may still use
├── AliasConflict         two aliases, one id: a 96-bit collision
├── Unavailable           nobody can know now; nothing is promised about a write
└── InternalError         our own fault; what it is stands in the log

Each carries a stable `code` and a `message` that is safe to show to anyone: neither ever holds
what the caller sent, a key, or another exception's text. `web.STATUS` gives each its status.
"""


class KeyturnError(Exception):
    """Base of all answers that are not a key."""

    code = ""
    message = ""

    def __init__(self, message: str = "") -> None:
        """Keep `message`, or the class's own where none is given."""
        self.message = message or self.message
        super().__init__(self.message)


class RequestError(KeyturnError):
    """The request itself is at fault."""


class BodyTooLarge(RequestError):
    """The body is over 16 KiB."""

    code = "body_too_large"
    message = "body must be at most 16 KiB"


class InvalidBody(RequestError):
    """The body is not a JSON object with something in it."""

    code = "invalid_body"
    message = "invalid or missing JSON body"


class AliasRequired(RequestError):
    """`alias` is absent, blank or falsy."""

    code = "alias_required"
    message = "alias is required"


class NameRequired(RequestError):
    """`name` is absent or falsy."""

    code = "name_required"
    message = "Name is required"


class RolesInvalid(RequestError):
    """`roles` holds something this deployment does not define; the message lists what it does."""

    code = "roles_invalid"


class FieldInvalid(RequestError):
    """Any other bad field or parameter; the message names it and the rule it breaks."""

    code = "field_invalid"


class Forbidden(KeyturnError):
    """The request came through a route that no authorizer guards."""

    code = "forbidden"
    message = "not allowed"


class KeyNotFound(KeyturnError):
    """No key that the request could mean."""

    code = "not_found"
    message = "API key not found"


class RouteNotFound(KeyturnError):
    """Unknown path or method."""

    code = "route_not_found"
    message = "no such route"


class KeyCompromised(KeyturnError):
    """Renewal keeps the string, and this string is known to have leaked."""

    code = "key_compromised"
    message = "this key was revoked as compromised: rotate it instead"


class KeyInactive(KeyturnError):
    """An expired or revoked key has no string to hand over from."""

    code = "key_inactive"
    message = "this key is expired or revoked: renew it first"


class GraceRunning(KeyturnError):
    """The string before the last rotation still works, and this rotation would end it."""

    code = "grace_running"
    message = "an earlier rotation's grace still runs: wait for its end, or use force"


class AliasConflict(KeyturnError):
    """Another alias already owns this id."""

    code = "alias_conflict"
    message = "another alias already owns this id"


class Unavailable(KeyturnError):
    """The database or KMS did not answer, or answered what cannot be trusted.

    `detail` is for the log: the operation and the kind of failure, never a value.
    """

    code = "unavailable"
    message = "service unavailable, try again"

    def __init__(self, detail: str) -> None:
        """Keep `detail` for the log; what is shown stays the class's message."""
        super().__init__()
        self.detail = detail


class InternalError(KeyturnError):
    """Something that none of the others is; never raised, only answered."""

    code = "internal_error"
    message = "internal error"
