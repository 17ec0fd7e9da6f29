"""The size of what is deployed."""

import zipfile
from io import BytesIO
from pathlib import Path


def measure(bundle: Path) -> dict[str, float]:
    """Return megabytes: unzipped and zipped without bytecode, and what bytecode adds to each."""
    files = {file for file in bundle.rglob("*") if file.is_file()}
    bytecode = {file for file in files if file.suffix == ".pyc"}
    source = files - bytecode
    zipped = _zipped(bundle, source)
    return {
        "unzipped_mb": _megabytes(sum(file.stat().st_size for file in source)),
        "zipped_mb": _megabytes(zipped),
        "bytecode_mb": _megabytes(sum(file.stat().st_size for file in bytecode)),
        "bytecode_zipped_mb": _megabytes(_zipped(bundle, files) - zipped),
    }


def _zipped(bundle: Path, files: set[Path]) -> int:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in files:
            zipped.write(file, file.relative_to(bundle))
    return archive.tell()


def _megabytes(size: float) -> float:
    return round(size / 1e6, 1)
