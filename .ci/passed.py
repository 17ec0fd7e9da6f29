"""Fail unless tests passed: python .ci/passed.py RESULTS, a JUnit file that pytest wrote."""

import sys
import xml.etree.ElementTree as ET

suites = list(ET.parse(sys.argv[1]).getroot().iter("testsuite"))
ran, skipped = (sum(int(suite.get(count, 0)) for suite in suites) for count in ("tests", "skipped"))
print(f"{ran - skipped} passed, {skipped} skipped")
sys.exit(ran <= skipped)
