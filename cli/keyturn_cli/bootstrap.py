"""The first admin key of a deployed stack."""

from http import HTTPStatus

from keyturn_cli.errors import Refused, Unanswered
from keyturn_cli.records import Issued
from keyturn_cli.stack import Function, unlike_ours


def issue(function: Function, alias: str) -> Issued:
    """Make an admin key, or renew the one that the alias has.

    A call that AWS repeats for want of an answer renews what the first one made: the same key.

    Raises:
        Failed: there is none.
    """
    said = function.invoke({"alias": alias, "name": "First admin", "roles": ["admin"]})
    try:
        status = said["status"]
        if status in {HTTPStatus.CREATED, HTTPStatus.OK}:
            return Issued.model_validate(said)
        what = f"{said['error']} ({status} {said['code']})"
    except (ValueError, TypeError, KeyError):  # pydantic's own error is a ValueError
        raise unlike_ours() from None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(what, "The same again is safe: it makes the key, or renews it.")
    raise Refused(what, "Another --alias may do.")
