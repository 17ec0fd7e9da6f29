"""Fail unless tests ran, each of them: python .ci/passed.py RESULTS, a JUnit file of pytest."""

import sys
import xml.etree.ElementTree as ET

suites = list(ET.parse(sys.argv[1]).getroot().iter("testsuite"))
ran, skipped = (sum(int(suite.get(count, 0)) for suite in suites) for count in ("tests", "skipped"))
print(f"{ran} tests, {skipped} of them skipped")
sys.exit(not ran or skipped > 0)
