"""The report: the terminal's table, JSON, and the page as a browser shows it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from playwright.sync_api import Browser

from canary.judge import Step, concluded, judge, reasons
from canary.observation import Histogram, Observation
from canary.report import COLUMNS, Report, html, table
from canary.thresholds import Thresholds
from canary.verdict import Outcome
from tests.canaries import latencies, observed, scores, track


def report(observation: Observation, **changes: Any) -> Report:
    thresholds = Thresholds()
    verdict = judge([observation], thresholds)
    steps = [
        Step(
            stable_replicas=3,
            canary_replicas=replicas,
            seconds=60,
            requested_split=replicas / (3 + replicas),
            observed_split=split,
            verdict=verdict,
        )
        for replicas, split in ((1, None), (3, 0.4873))
    ]
    whole = Report(
        run="20260504-100000",
        started="2026-05-04T10:00:00Z",
        ended="2026-05-04T10:02:00Z",
        namespace="breast-cancer",
        stable_image="registry.example:5000/breast-cancer-api:old",
        canary_image="registry.example:5000/breast-cancer-api:new",
        steps=steps,
        observations=[observation],
        verdict=verdict,
        decision="rolled back",
        thresholds=thresholds,
    )
    return replace(whole, **changes)


SLOW = report(observed(canary=track(latency=latencies(0, 300, 500, 150, 50))))
BROKEN = report(
    observed(
        track(requests=0, latency=latencies(0, 0, 0, 0, 0), model_versions=[]),
        track(probabilities=scores(1, 2, 3)),
        problem="pod <breast-cancer-api-canary-1> & others did not answer",
    ),
    steps=[],
)
UNSEEN = replace(
    SLOW,
    steps=[],
    observations=[],
    verdict=concluded([], Outcome.ERROR, ["no pod of the stable track is ready"]),
)


def test_the_terminals_table() -> None:
    text = table(SLOW)
    assert text.startswith("Canary 20260504-100000: FAIL, rolled back\n\nstable       registry.")
    assert "canary       registry.example:5000/breast-cancer-api:new, model 0123456789ab\n" in text
    assert """
step  stable pods  canary pods  seconds  requested  observed  verdict
1               3            1       60      25.0%      none     fail
2               3            3       60      50.0%     48.7%     fail
""" in text  # fmt: skip
    assert """
                    stable  canary
requests              1000    1000
of these generated    1000    1000
errors                   0       0
restarts                 0       0
called malignant       370     370
called benign          630     630
""" in text  # fmt: skip
    assert re.search(
        r"^latency      FAIL          The canary's median is 2\.8 ms, 2\.00 times", text, re.M
    )
    assert re.search(r"^errors       PASS  ", text, re.M)
    assert "problem" not in text


def test_the_terminals_table_of_a_broken_run() -> None:
    text = table(BROKEN)
    assert "\nproblem      pod <breast-cancer-api-canary-1> & others did not answer\n" in text
    assert "model unknown\n" in text
    assert "predictions  ERROR         The canary's score histogram has 3 counts" in text


def test_the_terminals_table_when_nothing_was_seen() -> None:
    text = table(UNSEEN)
    assert text.startswith("Canary 20260504-100000: ERROR, rolled back\n")
    assert "canary       registry.example:5000/breast-cancer-api:new, model unknown\n" in text
    assert text.endswith("\nrun          ERROR         no pod of the stable track is ready\n")
    assert "requests" not in text.replace("requested", "")


def test_verdict_of_the_last_step_is_not_repeated() -> None:
    verdict = SLOW.verdict
    assert concluded(SLOW.steps, verdict.outcome, reasons(verdict)) == verdict
    ended = concluded(SLOW.steps, Outcome.ERROR, ["it is away", *reasons(verdict)])
    assert [part.reason for part in ended.parts] == [
        "it is away",
        *(part.reason for part in verdict.parts),
    ]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400))
def test_no_line_is_longer_than_the_terminal(text: str) -> None:
    long = replace(SLOW, canary_image=text, run=text, decision=text)
    assert max(map(len, table(long).split("\n"))) <= COLUMNS


def test_json_comes_back() -> None:
    for each in (SLOW, BROKEN, UNSEEN):
        assert msgspec.json.decode(msgspec.json.encode(each), type=Report) == each


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_needs_nothing_and_runs_nothing() -> None:
    page = html(SLOW)
    tags = Tags(page).found
    names = {tag for tag, _ in tags}
    assert not names & {"script", "link", "img", "iframe", "object", "image", "use"}
    for _, attributes in tags:
        assert not {"src", "href", "xlink:href", "onclick"} & set(attributes)
    assert "url(" not in page
    assert "@import" not in page
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_what_the_page_is_told_is_text() -> None:
    evil = "<script>alert(1)</script>"
    page = html(replace(SLOW, canary_image=evil, decision=evil, run=evil))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 5
    assert "pod &lt;breast-cancer-api-canary-1&gt; &amp; others did not answer" in html(BROKEN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("shown", [SLOW, BROKEN, UNSEEN], ids=["slow", "broken", "unseen"])
def test_the_page_in_a_browser(
    browser: Browser, tmp_path: Path, shown: Report, width: int, scheme: Any
) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(shown), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    page.goto(file.as_uri())
    assert said == [file.as_uri()]
    assert page.title() == f"Canary 20260504-100000: {shown.verdict.outcome}, rolled back"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 26)"}[scheme]
    context.close()


def test_every_number_of_the_charts_is_in_a_table(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(SLOW), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    found = page.locator("section[aria-labelledby=latency] tbody tr")
    rows = [re.split(r"\s*\t\s*", row.strip()) for row in found.all_inner_texts()]
    if not rows[0][1:]:  # a closed details has no text
        page.locator("section[aria-labelledby=latency] summary").click()
        rows = [re.split(r"\s*\t\s*", row.strip()) for row in found.all_inner_texts()]
    assert rows == [
        ["0 to 1", "300", "30.0%", "0", "0.0%"],
        ["1 to 2", "500", "50.0%", "300", "30.0%"],
        ["2 to 4", "150", "15.0%", "500", "50.0%"],
        ["4 to 8", "40", "4.0%", "150", "15.0%"],
        ["above 8", "10", "1.0%", "50", "5.0%"],
    ]
    assert page.locator("section[aria-labelledby=latency] rect").count() == 10
    page.close()


def test_buckets_that_differ_are_not_drawn() -> None:
    other = track(latency=Histogram([1.0], [1, 2]))
    page = html(report(observed(canary=other)))
    assert "Not drawn: the tracks&#39; latency histograms have no bounds in common." in page
    assert page.count("<svg") == 1
