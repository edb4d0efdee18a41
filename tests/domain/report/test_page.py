"""Promises about the report: it tells the comparison, in words, on one page that needs nothing else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from failure_platform.cli.app import app
from failure_platform.cli.model_commands import NotKnownError, newest_report
from failure_platform.domain.comparison.result import Outcome, Verdict
from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.leaks.findings import AcceptedFeature, Audit, Finding, LeakKind, Severity
from failure_platform.domain.metrics import METRIC_DESCRIPTIONS, METRICS
from failure_platform.domain.report import page
from failure_platform.domain.report.formatting import (
    OUTCOME_TEXTS,
    metrics_table,
    number,
    signed,
    slices_table,
    span,
    worst_slice_text,
)
from failure_platform.domain.report.page import report_html
from failure_platform.resources.registry.report_files import report_file, write_report
from failure_platform.settings import Settings
from support.browser import CHROMIUM
from support.model_samples import compared as recorded
from support.model_samples import registry_in, trained
from support.report_samples import compared, report, version

EVIL = '<script src="https://evil.example/x.js"></script>'


class Read(HTMLParser):
    """What a browser would make of a page: its elements, and its text without tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "img"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_verdict_stands_on_top_and_says_what_follows() -> None:
    """Of every outcome: its word, its reason, its advice, before anything else but the title."""
    assert set(OUTCOME_TEXTS) == set(get_args(Outcome))
    for outcome, words in OUTCOME_TEXTS.items():
        shown = Read(report_html(report(comparison=replace(compared(), verdict=Verdict(outcome, "Since 3 < 4.")))))
        begin = shown.text.index("Since 3 < 4.")
        assert words.label in shown.text[:begin]
        assert words.advice in shown.text[begin : begin + 400]
        assert "Its alarms: Per 100 vehicles, following it costs" in shown.text[begin : begin + 800]
        assert "Those of production: Per 100 vehicles" in shown.text
        assert begin < shown.text.index("What decided it")


def test_the_page_tells_every_figure_of_the_comparison() -> None:
    """Old, new, base rate, difference and interval of each figure, and what it means in plain words."""
    told = compared()
    text = Read(report_html(report())).text
    assert set(METRIC_DESCRIPTIONS) == set(METRICS)
    for row in told.table:
        words = METRIC_DESCRIPTIONS[row.metric]
        cells = (row.old, row.new, row.base_rate)
        line = f"{words.label} {words.meaning} {' '.join(map(number, cells))} {signed(row.difference)}"
        assert f"{line} {_squeezed(span(row.low, row.high))}" in text
    mcnemar, flips = told.mcnemar, told.flips
    assert mcnemar is not None
    assert flips is not None
    assert f"only the new model {mcnemar.only_new} only the old model {mcnemar.only_old}" in text
    assert (
        f"{flips.newly_alarmed} vehicles would be alarmed newly ({flips.newly_alarmed_failed} of them failed)" in text
    )
    for one in (*flips.newly_alarmed_listed, *flips.no_longer_alarmed_listed):
        assert f"{one.KNR} {number(one.old)} {number(one.new)} {'failed' if one.failed else 'did not fail'}" in text
    assert told.worst_slice is not None
    assert f"{told.worst_slice.kind} {told.worst_slice.value} (worst)" in text
    assert all(f"{one.kind} {one.value}" in text for one in told.slices)
    assert "value:2:041001:0 Newest value of test 041001" in text, "what the models lean on"
    assert "+0.080 ± 0.020 +0.030 ± 0.010" in text
    assert "It alarms 0.400 of the failures." in text, "the policy's gates"
    assert "1 of 10" in text, "the budget of comparisons"


@pytest.mark.fault(60, 63)
def test_warnings_and_accepted_features_stand_beside_the_verdict() -> None:
    """Before anybody reads a figure: what the candidate may know only from the outcome, and who said it does not."""
    warned = Finding(LeakKind.missing_by_label, "value:718:720002:0", -0.42, "It is missing.", Severity.warns)
    accepted = AcceptedFeature("nok:9:7", (replace(warned, feature="nok:9:7"),), EVIL, "the line writes it")
    audited = replace(compared(), leak_audit=Audit((warned,), 9, (accepted,)))
    shown = Read(report_html(report(comparison=audited)))
    begin = shown.text.index("Look at this first:")
    assert audited.leak_audit.summary in shown.text[begin:]
    assert begin < shown.text.index("What decided it")
    section = shown.text[shown.text.index("Leak audit of the candidate") :]
    assert f"nok:9:7 Times that 7 of test family 9 was NOK. missing_by_label {EVIL} the line writes it" in section
    assert "value:718:720002:0 Newest value of test 720002" in section
    assert "missing_by_label −0.42 It is missing." in section
    assert "Look at this first" not in Read(report_html(report())).text


def test_the_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    """No address but data: and places on the page itself; no script; and a browser is told so."""
    html = report_html(report())
    shown = Read(html)
    addresses = [value for _, given in shown.elements for name, value in given.items() if name in ("src", "href")]
    assert addresses
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert not {tag for tag, _ in shown.elements} & {"script", "link", "iframe", "object", "base", "form"}
    assert not re.search(r"url\(|@import|https?:", html)
    assert {"default-src 'none'; img-src data:; style-src 'unsafe-inline'"} <= {
        meta.get("content", "") for meta in shown.all("meta")
    }


def test_what_stands_in_the_data_is_text_and_never_markup() -> None:
    """A KNR, a model and a reason that hold markup are shown as they are written."""
    told = compared()
    assert told.flips is not None
    listed = tuple(replace(one, KNR=EVIL) for one in told.flips.newly_alarmed_listed)
    evil = replace(
        told,
        verdict=Verdict("better", EVIL),
        flips=replace(told.flips, newly_alarmed_listed=listed),
        slices=tuple(replace(one, value=EVIL) for one in told.slices),
    )
    html = report_html(report(comparison=evil, candidate=version(recipe={"families": [EVIL]})))
    assert "<script" not in html
    assert Read(html).text.count(EVIL) >= 2 + len(listed) + len(evil.slices)


def test_a_screen_reader_finds_its_way() -> None:
    """Language, one title, headings without a gap, texts for pictures, headers for tables, links that lead home."""
    shown = Read(report_html(report()))
    assert shown.all("html") == [{"lang": "en"}]
    assert len(shown.all("h1")) == len(shown.all("title")) == len(shown.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h\d", tag)]
    assert all(later - level <= 1 for level, later in pairwise(levels))
    assert len(shown.all("img")) == len(report().pictures)
    assert all(len(image["alt"]) > 20 for image in shown.all("img"))
    assert all(cell.get("scope") in {"row", "col"} for cell in shown.all("th"))
    assert len(shown.all("thead")) == len(shown.all("table"))
    places = {given["id"] for _, given in shown.elements if "id" in given}
    assert {link["href"].removeprefix("#") for link in shown.all("a")} <= places


def test_texts_stand_out_from_their_ground() -> None:
    """Every text colour has the contrast of 4.5 that WCAG 2.2 asks for (1.4.3), on each ground it may stand on."""
    style = Path(page.__file__).with_name("style.css").read_text()
    texts = set(re.findall(r"(?<![-a-z])color: (#[0-9a-f]{3,6})", style))
    grounds = set(re.findall(r"background: (#[0-9a-f]{3,6})", style))
    assert len(texts) >= 5
    assert {"#fff", "#fff3ea"} <= grounds
    for text in texts:
        assert min(_contrast(text, ground) for ground in grounds) >= 4.5, text


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("number_of_vehicles", [0, 40])
@pytest.mark.parametrize("production", [None, 1.0])
def test_little_data_gives_a_page_that_says_so(number_of_vehicles: int, production: float | None) -> None:
    """No vehicle, no failure to judge by, nothing in production: a page, no crash, and no claim that one is better."""
    told = compared(1.6, production, number_of_vehicles)
    text = Read(report_html(report(1.6, production, number_of_vehicles))).text
    assert "Cannot be judged" in text
    rows = metrics_table(told)
    assert set(rows["says"]) == {"not judged"}
    assert ("nothing is in production yet" in text) == (production is None)
    assert slices_table(told).empty


def test_the_tables_of_the_asset_page_tell_the_same() -> None:
    """One row per figure and per judged slice, the worst slice first; a cell can break, since the page is narrow."""
    told = compared()
    figures, slices = metrics_table(told), slices_table(told)
    by_metric = {row.metric: row for row in told.table}
    assert dict(zip(figures["figure"], figures["new"], strict=True)) == {
        words.label: number(by_metric[metric].new) for metric, words in METRIC_DESCRIPTIONS.items()
    }
    assert len(slices) == told.slices_judged > 3
    lowest = min((one for one in told.slices if one.judged), key=lambda one: one.difference or 0)
    assert slices["slice"][0] == f"{lowest.kind} {lowest.value}"
    assert slices["failures"][0] == f"{lowest.failures} of\u00a0{lowest.vehicles}"
    assert worst_slice_text(told).startswith(f"{lowest.kind} {lowest.value}: ")
    assert all(" " in cell for table in (figures, slices) for cell in table["interval"])


def test_no_word_of_the_page_depends_on_when_it_is_made() -> None:
    assert report_html(report()) == report_html(report())
    assert report_html(report()) != report_html(report(comparison_id="e" * 12))


@pytest.mark.parametrize("production", [None, 1.0])
def test_the_commands_on_the_page_are_ones_the_terminal_takes(production: float | None) -> None:
    """Whoever copies one and gives name and reason has decided on this very pair."""
    told = report(production=production)
    lines = re.findall(r"failure-platform decide (.*)", Read(report_html(told)).text.replace("failure", "\nfailure"))
    assert [line.split()[0] for line in lines] == ["promote", "keep"]
    decide: Any = get_command(app).commands["decide"]  # type: ignore[attr-defined]
    for line in lines:
        words = line.split()
        given = decide.make_context("decide", words[: words.index("REASON") + 1]).params
        assert (given["version"], given["target"]) == ("a" * 12, "road_test")
        assert given["expected"] == (told.production.version if told.production else "")


def test_under_the_automatic_policy_the_page_does_not_say_that_a_person_decides_alone() -> None:
    assert "so this is advice" in Read(report_html(report())).text
    automatic = Read(report_html(report(policy=Policy.automatic))).text
    assert "so this is advice" not in automatic
    assert "follows the gates without a person" in automatic


def test_the_report_is_found_again_by_its_target(settings: Settings) -> None:
    """`failure-platform report` names the newest comparison's page, and says what to do where there is none."""
    with pytest.raises(NotKnownError, match="no target 'other'"):
        newest_report(settings, "other")
    with pytest.raises(NotKnownError, match="Nothing was compared yet"):
        newest_report(settings, "road_test")
    registry = registry_in(settings.root)
    saved = registry.save(trained(), recorded("", None).compared_at)
    record = registry.record_comparison(recorded(saved.version, None))
    with pytest.raises(NotKnownError, match="Materialise model_comparison again"):
        newest_report(settings, "road_test")
    write_report(settings.reports_folder, record, "first", "card", {})
    file = write_report(settings.reports_folder, record, "second é", "card", {"ROC": b"png"})
    assert (
        newest_report(settings, "road_test")["report"] == str(file) == str(report_file(settings.reports_folder, record))
    )
    assert file.read_text(encoding="utf-8") == "second é"
    assert sorted(one.name for one in file.parent.iterdir()) == ["ROC.png", "model_card.md", "report.html"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """The page in a real browser of 1000 pixels, and every address it asks for."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    file.write_text(report_html(report()), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page(viewport={"width": 1000, "height": 1000})
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(file.as_uri())
        yield shown, asked
        browser.close()


def test_a_browser_shows_the_whole_page_and_prints_it(opened: Any) -> None:
    """1000 pixels suffice without scrolling sideways, every picture is drawn, nothing is asked for, and it prints."""
    shown, asked = opened
    assert [address for address in asked if not address.startswith("data:")] == [shown.url]
    assert shown.evaluate("document.documentElement.scrollWidth") <= 1000
    sizes = shown.evaluate("[...document.images].map(image => [image.complete, image.naturalWidth])")
    assert sizes == [[True, 900]] * len(report().pictures)
    wide = shown.evaluate("[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length")
    assert wide == 0, "a table is wider than the page"
    shown.emulate_media(media="print")
    assert not shown.get_by_role("navigation").is_visible()
    assert shown.pdf(format="A4").count(b"/Type /Page\n") in range(6, 15)
