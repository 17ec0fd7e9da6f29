"""The size of what is deployed."""

import zipfile
from io import BytesIO
from pathlib import Path


def measure(bundle: Path) -> dict[str, float]:
    """Return megabytes: unzipped and zipped as SAM would ship it, and the bytecode beside it."""
    files = {file for file in bundle.rglob("*") if file.is_file()}
    bytecode = {file for file in files if file.suffix == ".pyc"}
    source = files - bytecode
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in source:
            zipped.write(file, file.relative_to(bundle))
    return {
        "unzipped_mb": _megabytes(sum(file.stat().st_size for file in source)),
        "zipped_mb": _megabytes(archive.tell()),
        "bytecode_mb": _megabytes(sum(file.stat().st_size for file in bytecode)),
    }


def _megabytes(size: float) -> float:
    return round(size / 1e6, 1)
