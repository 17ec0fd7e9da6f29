import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "client"


@pytest.mark.prove
def test_the_package_is_its_modules_and_needs_no_framework(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        (metadata,) = (packed.read(name) for name in packed.namelist() if "METADATA" in name)
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); import keyturn_client;"
        "assert keyturn_client.__file__.startswith(sys.path[0]), keyturn_client.__file__;"
        "assert not {'flask', 'fastapi', 'pydantic', 'boto3'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    assert names == {f"keyturn_client/{path.name}" for path in CLIENT.glob("*/*.py")}
    needed = [line for line in metadata.decode().splitlines() if line.startswith("Requires-Dist")]
    assert [line for line in needed if "extra ==" not in line] == [
        "Requires-Dist: cachetools>=5.5",
        "Requires-Dist: httpx>=0.28",
    ]
