"""The log of whatever is not on the way of every request: each line one JSON object, in ASCII.

Powertools would write other characters as they are. An alias may hold a line separator or one that
turns the direction of text, and so make readers see other lines than were written.
"""

import json
from functools import partial

from aws_lambda_powertools import Logger

log = Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
