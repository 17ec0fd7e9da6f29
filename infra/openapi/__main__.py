"""Write the document: `python -m infra.openapi [FILE]`."""

import os
import sys
from pathlib import Path

from infra.local.resources import CREDENTIALS, REGION
from infra.openapi import deployed

DOCUMENT = Path(__file__).parents[1] / "openapi.json"


def main() -> None:
    """Write it, as the template's defaults make it."""
    os.environ |= {**deployed.environment(), **CREDENTIALS, "AWS_DEFAULT_REGION": REGION}
    sys.path.insert(0, str(DOCUMENT.parents[1] / "functions"))
    from infra.openapi import document  # noqa: PLC0415 - imports what reads the environment

    file = Path(sys.argv[1]) if sys.argv[1:] else DOCUMENT
    file.write_text(document.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
