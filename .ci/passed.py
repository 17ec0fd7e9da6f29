"""Fail unless tests ran, each of them: python .ci/passed.py RESULTS, a JUnit file of pytest's."""

import sys
import xml.etree.ElementTree as ET

cases = list(ET.parse(sys.argv[1]).getroot().iter("testcase"))
# Those that are expected to fail stand there as skipped too, with another type.
skipped = [
    case.get("name") for case in cases if case.find("skipped[@type='pytest.skip']") is not None
]
print(f"{len(cases)} tests, {len(skipped)} of them skipped", *skipped, sep="\n  ")
sys.exit(not cases or bool(skipped))
