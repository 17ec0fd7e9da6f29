"""The whole, with and without each optional parameter: translated and linted, or deployed."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.rehearsal.deployment import deploy, emulator
from infra.rehearsal.group import free_port
from tests.infra.declared import PATH, translated
from tests.infra.test_template_options import ALL, DOMAIN

LINT = Path(sys.executable).with_name("cfn-lint")
TOPIC = {"AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:people"}
SETS: dict[str, Mapping[str, str]] = {
    "default": {},
    "domain": DOMAIN,
    "zone": {**DOMAIN, "DomainHostedZoneId": "Z0123456789", "DomainBasePath": "keys"},
    "firewall": {"Firewall": "true"},
    "operating": {"Operating": "true", **TOPIC},
    "snapshots": {"SnapStart": "PublishedVersions"},
    "waiting": {"ProvisionedConcurrency": "2"},
    "canary": {"Rollout": "Canary10Percent5Minutes"},
    "linear": {"Rollout": "Linear10PercentEvery1Minute", "SnapStart": "PublishedVersions"},
    "replica": {"ReplicaRegion": "eu-west-1"},
    "imported": {"ImportedKeys": "true"},
    "leaks": {"LeakSources": "aws.securityhub"},
    "bare": {"EnableConsole": "false", "EventArchiveDays": "0", "ManageApiGatewayAccount": "false"},
    "all": ALL,
}
# The translator's doing: a folder is still a folder, the mapping is used up, one condition stands
# inside the same.
NOT_OURS = ("W3002", "W7001", "W1028")


@pytest.mark.prove
@pytest.mark.parametrize("name", SETS)
def test_every_set_of_parameters_is_translated(name: str) -> None:
    resources = translated(PATH, **SETS[name])["Resources"]
    codedeploy = [r for r in resources.values() if r["Type"].startswith("AWS::CodeDeploy::")]
    assert bool(codedeploy) is ("Rollout" in SETS[name])
    # The rest is there under its conditions, whatever the values: the linter tries both.
    assert {"DomainStack", "FirewallStack", "OperatingStack"} <= resources.keys()


@pytest.mark.prove
def test_what_cloudformation_gets_has_no_fault_that_the_linter_knows(tmp_path: Path) -> None:
    for name in ("default", "all", "linear"):
        document = translated(PATH, **SETS[name])
        for parameter, value in SETS[name].items():
            document["Parameters"][parameter]["Default"] = value
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    # One process for all: to start it takes longer than to lint.
    done = subprocess.run(
        [
            *(LINT, "--config-file", os.devnull, "--format", "json"),
            *("--ignore-checks", *NOT_OURS, "--"),
            *sorted(tmp_path.iterdir()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout or "[]")
    assert [(m["Filename"], m["Rule"]["Id"], m["Message"]) for m in found] == []
    assert done.returncode == 0, done.stderr


# One deployment of all that the emulator takes at once, and one of what excludes it.
@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("given", "outputs"),
    [
        (
            {
                **DOMAIN,
                "DomainBasePath": "keys",
                **SETS["linear"],
                **SETS["replica"],
                **SETS["imported"],
                **SETS["leaks"],
                **TOPIC,
                "Rollout": "AllAtOnce",
                "EnableConsole": "false",
            },
            {"DomainUrl": "https://keys.example.com/keys"},
        ),
        ({**SETS["waiting"], **DOMAIN}, {"DomainUrl": "https://keys.example.com"}),
    ],
    ids=["snapshots", "waiting"],
)
def test_the_emulator_deploys_the_package_with_parameters(
    given: dict[str, str], outputs: dict[str, str]
) -> None:
    with tempfile.TemporaryFile() as log, emulator(free_port(), log) as url:
        deployed = deploy(url, given)
        assert outputs.items() <= deployed.outputs.items()
        assert deployed.admin_key.startswith("kt_")
