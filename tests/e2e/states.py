"""Every page in every state that a reader reaches with a click or two, for tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.test_walkthrough import choose_sample

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
NOTHING_WAITED_FOR = "() => !document.querySelector('[data-testid=stSkeletonElement]')"


@dataclass(frozen=True)
class State:
    name: str
    address: str  # {run} and {other} stand for two evaluations of the same images
    ready: str  # a text that shows that all is there
    title: str  # of the tab, a pattern; {dataset} and {accuracy} are those of the run
    act: Callable[[object], None] | None = None  # what the reader does after the page was opened


def _choose_frog(page) -> None:
    choose_sample(page, "frog")


def _explain(page) -> None:
    _choose_frog(page)
    page.locator(".st-key-explain-further button").click()


def _be_asked(page) -> None:
    """Chooses a picture that may have feedback from before."""
    _choose_frog(page)
    page.locator(".st-key-feedback button").first.wait_for()
    if (change := page.get_by_role("button", name="Change", exact=True)).count():
        change.click()


def _say_wrong(page) -> None:
    _be_asked(page)
    page.get_by_role("button", name="Wrong").click()


def _say_right_and_look(page) -> None:
    _be_asked(page)
    page.get_by_role("button", name="Right").click()
    page.get_by_text("Marked as right").wait_for()
    page.get_by_role("link", name="History").click()
    page.get_by_role("radio", name="Feedback").click()


def _tab(name: str) -> Callable[[object], None]:
    return lambda page: page.get_by_role("tab", name=name).click()


_COMPARED = "/compare?a={run}&b={other}"
_AGAINST = "cifar10-resnet@8 against cifar10-small@3, {dataset}, Compare"

STATES = (
    State("predict", "/", "No picture at hand", "Predict - Classifier dashboard"),
    State("predict-sample", "/", "Evidence for frog (", "sample frog, Predict", _choose_frog),
    State("predict-feedback", "/", "Note (optional)", "sample frog, Predict", _say_wrong),
    State("explain", "/explain", "Eight methods", "Explain - Classifier dashboard"),
    State("explain-sample", "/", "HiResCAM", "sample frog, Explain", _explain),
    State("evaluate", "/evaluate", "Supported files", "Batch evaluation - Classifier dashboard"),
    *(
        State(f"evaluate-{view.lower()}", f"/evaluate?run={{run}}&view={view}", text, "{dataset}, {accuracy}")
        for view, text in (
            ("Overview", "Confusion matrix"),
            ("Classes", "Precision"),
            ("Confidence", "Accuracy by confidence"),
            ("Images", "Sort by"),
            ("Labels", "labels may be wrong"),
            ("Files", "Not evaluated ("),
            ("Report", "Files for other programs"),
        )
    ),
    State("compare", "/compare", "Choose two evaluations", "Compare - Classifier dashboard"),
    State("compare-metrics", _COMPARED, "Both right", _AGAINST),
    State("compare-images", _COMPARED, "Only B is right", _AGAINST, _tab("Images")),
    State("compare-confusion", _COMPARED, "B minus A", _AGAINST, _tab("Confusion")),
    State("compare-calibration", _COMPARED, "ECE", _AGAINST, _tab("Calibration")),
    State("history", "/history", "Single images are not kept", "History - Classifier dashboard"),
    State("history-feedback", "/", "Called right", "History - Classifier dashboard", _say_right_and_look),
    State("diagnostics", "/diagnostics", "Storage", "Diagnostics - Classifier dashboard"),
)


def open_state(page, state: State, run: str, other: str) -> None:
    """Opens a page and waits until everything is drawn."""
    page.goto(state.address.format(run=run, other=other))
    page.wait_for_selector(IDLE)
    if state.act:
        state.act(page)
        page.mouse.move(0, 0)  # so that no hint is open over the page
    page.get_by_text(state.ready).locator("visible=true").first.wait_for()
    page.wait_for_function(NOTHING_WAITED_FOR)
    page.wait_for_selector(IDLE)
    page.wait_for_timeout(300)  # the browser draws charts after the script has ended
