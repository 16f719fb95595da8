"""Every page in every state that a reader reaches with a click or two, for tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.dashboard_server import IDLE
from tests.e2e.other_servers import PASSWORD
from tests.e2e.test_walkthrough import choose_sample

IDLE_IF_STREAMLIT = f"() => !document.querySelector('[data-testid=stApp]') || document.querySelector('{IDLE}')"
NOTHING_WAITED_FOR = "() => !document.querySelector('[data-testid=stSkeletonElement]')"


@dataclass(frozen=True)
class State:
    name: str
    address: str  # {run}, {other} and {third} stand for evaluations of the same images, {under_way} for one that has not finished
    ready: str  # a text that shows that all is there
    title: str  # of the tab, a pattern; {dataset} and {accuracy} are those of the run
    act: Callable[[object], None] | None = None  # what the reader does after the page was opened
    server: str = ""  # one of OTHER_SERVERS; "": the usual one
    by_streamlit: bool = True  # False: the address leads to a page that Streamlit does not make
    status: int = 200  # of the answer; the browser complains about that of an error


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


def _explain_tab(name: str) -> Callable[[object], None]:
    def act(page) -> None:
        _explain(page)
        page.get_by_text("HiResCAM").first.wait_for()
        page.get_by_role("tab", name=name).click()

    return act


def _shuffle(page) -> None:
    _explain_tab("One map")(page)
    page.get_by_role("button", name="Shuffle the weights and compare").click()


def _find_similar(page) -> None:
    _explain_tab("Most similar images")(page)
    find, found = (
        page.get_by_role("button", name="Find the most similar images"),
        page.get_by_text("most similar images:"),
    )
    find.or_(found).first.wait_for()
    if find.count():
        find.click()


def _press(*names: str) -> Callable[[object], None]:
    """Presses buttons, one after the other."""

    def act(page) -> None:
        for name in names:
            page.get_by_role("button", name=name).locator("visible=true").first.click()

    return act


def _give_password(page) -> None:
    """Unless the browser has given it before."""
    asked, of_users = page.get_by_label("Password"), page.get_by_text("This dashboard is for users")
    asked.or_(of_users).wait_for()
    if asked.count():
        asked.fill(PASSWORD)
        page.keyboard.press("Enter")
    of_users.wait_for()


def _begin_log_in(page) -> None:
    _give_password(page)
    page.get_by_role("button", name="Log in").click()


def _give_wrong_password(page) -> None:
    page.get_by_label("Password").fill("a wrong password")
    page.keyboard.press("Enter")


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
    *(
        State(f"explain-{name}", "/", text, "sample frog, Explain", act)
        for name, text, act in (
            ("one-map", "The marked pixels removed", _explain_tab("One map")),
            ("shuffled", "Mean rank correlation", _shuffle),
            ("layers", "First layers (more about the position)", _explain_tab("Layers")),
            ("two-classes", "No colour, only the picture", _explain_tab("Two classes")),
            ("similar", "The 12 most similar", _find_similar),
        )
    ),
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
    State(
        "evaluate-filtered",
        "/evaluate?run={run}&where=true_label%3Dcat%7Cdog",
        "images pass the filter",
        "{dataset}, .*%",
    ),
    State("evaluate-under-way", "/evaluate?run={under_way}", "Cancel", "{dataset}, evaluating"),
    *(
        State(f"evaluate-{name}", "/evaluate?run={run}&view=Images", text, "{dataset}, {accuracy}", _press(*buttons))
        for name, text, buttons in (
            ("condition", "You can also type a condition", ("Add condition",)),
            ("subsets", "A subset is a filter with a name", ("Subsets",)),
            ("actions", "Evaluate again with", ("Actions",)),
            ("note", "Verdict", ("Actions", "Note and verdict")),
            ("delete", "The dataset stays", ("Actions", "Delete")),
        )
    ),
    State("compare", "/compare", "Choose two evaluations", "Compare - Classifier dashboard"),
    State("compare-metrics", _COMPARED, "Both right", _AGAINST),
    State("compare-images", _COMPARED, "Only B is right", _AGAINST, _tab("Images")),
    State("compare-confusion", _COMPARED, "B minus A", _AGAINST, _tab("Confusion")),
    State("compare-calibration", _COMPARED, "ECE", _AGAINST, _tab("Calibration")),
    State("compare-ranking", f"{_COMPARED}&more={{third}}", "is first by Accuracy", "Compare - Classifier dashboard"),
    State("history", "/history", "Single images are not kept", "History - Classifier dashboard"),
    State("history-feedback", "/", "Called right", "History - Classifier dashboard", _say_right_and_look),
    State("diagnostics", "/diagnostics", "Storage", "Diagnostics - Classifier dashboard"),
    State("predict-damaged", "/", "Open Diagnostics", "Predict - Classifier dashboard", server="damaged"),
    State(
        "evaluate-damaged", "/evaluate", "Open Diagnostics", "Batch evaluation - Classifier dashboard", server="damaged"
    ),
    State(
        "diagnostics-damaged",
        "/diagnostics",
        "Restore the file",
        "Diagnostics - Classifier dashboard",
        server="damaged",
    ),
    *(
        State(name, "/", text, f"{title} - Classifier dashboard", act, "locked", by_streamlit=False, status=status)
        for name, text, title, act, status in (
            ("password", "Password", "Log in", None, 200),
            ("password-wrong", "The password is wrong", "Log in", _give_wrong_password, 403),
            ("log-in", "This dashboard is for users", "Predict", _give_password, 200),
            ("log-in-failed", "You cannot log in at the moment", "Log in", _begin_log_in, 503),
        )
    ),
)


def open_state(page, state: State, **evaluations: str) -> None:
    """Opens a page and waits until everything is drawn. `evaluations`: what names in the address stand for."""
    page.goto(state.address.format(**evaluations))
    if state.by_streamlit:
        page.wait_for_selector(IDLE)
    if state.act:
        state.act(page)
        page.mouse.move(0, 0)  # so that no hint is open over the page
    page.get_by_text(state.ready).locator("visible=true").first.wait_for()
    page.wait_for_function(NOTHING_WAITED_FOR)
    page.wait_for_function(IDLE_IF_STREAMLIT)
    page.wait_for_timeout(300)  # the browser draws charts after the script has ended
