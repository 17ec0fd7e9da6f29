"""Keys of another service come in, each with the string that its holder has.

Invoked directly (IAM decides who may) with `{"rows": [...], "dry_run": false}`, at most 25 rows;
answers `{"results": [{"outcome", "detail"}, ...]}`, one for each row in its place: a bad row keeps
no other out. May batch-get and put rows, and encrypt with the KMS key.

Repeating it is safe: a row that is there is `present`, and what was done to its key since stays.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from keyturn import aws, import_schemas, service
from keyturn.errors import RequestError
from keyturn.foreign import ForeignText
from keyturn.imported import Fate, Intake
from keyturn.keys import ApiKey, By
from keyturn.log import log
from keyturn.settings import settings
from keyturn.vault import Vault
from keyturn.web import count

_SEALING = 8  # KMS calls at once; the client keeps ten connections
_INVALID = "invalid"
_DETAILS = {
    Fate.ALIAS_TAKEN: "the alias has another key",
    Fate.KEY_KNOWN: "the string is another alias's key",
}

tracer = Tracer()
intake = Intake(aws.dynamodb(), settings().table_name)
vault = Vault(aws.kms(), settings().kms_key_id)


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Import rows.

    Raises:
        FieldInvalid: the event has another shape.
        Unavailable: DynamoDB or KMS did not answer; some rows may be in. Repeat it.
    """
    asked = import_schemas.asked(event)
    now, by = service.clock(), By("import", context.aws_request_id)
    results: dict[int, dict[str, str]] = {}
    arrivals: dict[int, tuple[ApiKey, ForeignText | None]] = {}
    for place, row in enumerate(asked.rows):
        try:
            arrivals[place] = import_schemas.arrival(row, now, by)
        except RequestError as error:
            results[place] = {"outcome": _INVALID, "detail": error.message}
    # DynamoDB refuses to look for nothing at all.
    fates = _fates(list(arrivals.values()), dry_run=asked.dry_run) if arrivals else []
    for place, fate in zip(arrivals, fates, strict=True):
        results[place] = {"outcome": fate, "detail": _DETAILS.get(fate, "")}
    answer = [results[place] for place in range(len(asked.rows))]
    outcomes = Counter(result["outcome"] for result in answer)
    line = {"request_id": context.aws_request_id, "dry_run": asked.dry_run, "outcomes": outcomes}
    log.info("import", extra=line)
    if not asked.dry_run:
        count("Imported", outcomes[Fate.IMPORTED])
    return {"results": answer}


def _fates(arrivals: list[tuple[ApiKey, ForeignText | None]], *, dry_run: bool) -> list[Fate]:
    fates = intake.look([key for key, _ in arrivals])
    if dry_run:
        return fates
    # A repeat finds most rows there: only what is new costs KMS a call.
    new = [place for place, fate in enumerate(fates) if fate is Fate.IMPORTED]
    with ThreadPoolExecutor(_SEALING) as sealing:
        keys = list(sealing.map(_sealed, (arrivals[place] for place in new)))
    for place, fate in zip(new, intake.take(keys), strict=True):
        fates[place] = fate
    return fates


def _sealed(arrival: tuple[ApiKey, ForeignText | None]) -> ApiKey:
    key, text = arrival
    if text is None:
        return key
    return replace(key, ciphertext=vault.seal(ForeignText(text.reveal(), key.id)))
