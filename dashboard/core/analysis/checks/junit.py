"""The outcomes of checks as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from dashboard.core.analysis.checks.check import Outcome

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(outcomes: Sequence[Outcome], suite: str, seconds: float = 0.0) -> bytes:
    """One test case for each check; those that failed with the reason.

    Args:
        suite: the name of the checks file.
        seconds: that the checks took.
    """
    failures = sum(not outcome.passed for outcome in outcomes)
    counts = {"name": _text(suite), "tests": str(len(outcomes)), "failures": str(failures), "errors": "0"}
    root = ElementTree.Element("testsuites", {**counts, "time": f"{seconds:.3f}"})
    group = ElementTree.SubElement(root, "testsuite", {**counts, "skipped": "0", "time": f"{seconds:.3f}"})
    for outcome in outcomes:
        case = ElementTree.SubElement(
            group, "testcase",
            {"classname": _text(suite), "name": _text(outcome.check.title), "line": str(outcome.check.line)},
        )  # fmt: skip
        if outcome.passed:
            ElementTree.SubElement(case, "system-out").text = _text(outcome.message)
        else:
            failure = ElementTree.SubElement(case, "failure", {"message": _text(outcome.message), "type": "check"})
            failure.text = _text(f"{outcome.check.title}: {outcome.message}")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _text(text: str) -> str:
    """Without characters that XML cannot hold, such as terminal commands in a class name."""
    return _NOT_IN_XML.sub("\ufffd", text)
