"""The page in a real browser, without a window: it does what it says, asks for nothing, and everybody can use it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from nasbench_harness.records import Run, read_run, read_scores
from nasbench_harness.report import leaderboard
from nasbench_harness.report.page import build_page
from nasbench_harness.space import N_ARCHITECTURES, flops, format_architecture

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,900 about:blank"
)
TRUTH = 80 + flops(live=True) / 2e7 + np.random.default_rng(3).normal(size=N_ARCHITECTURES)  # no two alike
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 44
"""Margins of a scatter in pixels."""


@pytest.fixture(scope="module")
def run() -> Run:
    return read_run(ROOT / "results" / "cifar10-cpu")


@pytest.fixture(scope="module")
def browser(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with the page in it."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: install Debian's chromium and chromium-driver")
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(build_page(run, leaderboard(run), truth_A=TRUTH).html, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        opened.set_script_timeout(120)
        opened.get((folder / "report.html").as_uri())
        until(opened, "return document.documentElement.dataset.ready === 'yes'")
        opened.folder = folder
        yield opened
    finally:
        opened.quit()


def wait(browser: Any) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60, poll_frequency=0.1)


def until(browser: Any, script: str) -> None:
    wait(browser).until(lambda one: one.execute_script(script))


def look(browser: Any, width: int, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def choose(browser: Any, name: str, value: str) -> None:
    browser.execute_script(
        "const one = document.getElementById(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event(one.type === 'search' ? 'input' : 'change', { bubbles: true }));",
        name,
        value,
    )


def names(browser: Any) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#board tbody tr')].filter((r) => !r.hidden).map((r) => r.dataset.name)"
    )
    return browser.execute_script(script)


def facts(browser: Any, panel: str = "scores-panel") -> dict[str, str]:
    script = (
        "const side = document.querySelector(`#${arguments[0]} .facts`);"
        "const terms = [...side.querySelectorAll('dt')].map((dt) => [dt.textContent, dt.nextSibling.textContent]);"
        "return Object.fromEntries([['text', side.querySelector('.architecture').textContent],"
        "['cell', side.querySelector('svg').getAttribute('aria-label')], ...terms])"
    )
    return browser.execute_script(script, panel)


def test_the_page_asks_for_nothing_and_reports_no_error(browser: Any) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    page = (browser.folder / "report.html").as_uri()
    assert {one["request"]["url"] for one in sent if one["documentURL"] == page} == {page}  # others: the start page
    assert not [one for one in sent if one["request"]["url"].startswith(("http:", "https:"))]
    assert browser.get_log("browser") == []


def test_headings_sort_both_ways_and_unknown_comes_last(browser: Any, run: Run) -> None:
    rows = {row.name: row.metrics["tau_within_flops"] for row in (*leaderboard(run).rows, *leaderboard(run).references)}
    known = sorted((name for name, value in rows.items() if value), key=lambda name: -rows[name].mean)
    button = browser.find_element("css selector", "#board [data-key='tau_within_flops']")
    button.click()
    assert names(browser) == [*known, "live_flops"]
    heading = browser.find_element("css selector", "#board th:has([data-key='tau_within_flops'])")
    assert heading.get_attribute("aria-sort") == "descending"
    button.send_keys("\n")  # by keyboard
    assert names(browser) == [*known[::-1], "live_flops"]
    browser.find_element("css selector", "#board [data-key='kendall_tau']").click()


def test_the_filter_keeps_what_it_says(browser: Any) -> None:
    choose(browser, "filter", "HEP")
    assert set(names(browser)) == {"hep-rank", "hep-search", "split-without-smd"}
    assert browser.find_element("id", "shown").text == "3 of 23 rows"
    browser.find_element("css selector", "#filters input[value='control']").click()
    assert set(names(browser)) == {"hep-rank", "hep-search"}
    browser.find_element("css selector", "#filters input[value='control']").click()
    choose(browser, "filter", "")
    assert len(names(browser)) == 23


def test_pointing_at_a_dot_shows_its_architecture(browser: Any, run: Run) -> None:
    from selenium.webdriver import ActionChains

    look(browser, 1280)
    choose(browser, "strategy", str(run.strategies.index("hm-nas")))
    choose(browser, "signal", "mask_logits")
    score = read_scores(run.unit_dir("hm-nas", 0)).scores["mask_logits"]
    by_score, by_truth = rankdata(-score, "min"), rankdata(-TRUTH, "min")
    alone = np.bincount(by_score.astype(int), minlength=N_ARCHITECTURES + 1)[by_score.astype(int)] == 1
    far_off = np.where(alone, np.abs(by_score - by_truth), -1)  # where dots are few
    index = int(np.argmax(far_off))
    canvas = browser.find_element("css selector", "#scores-panel canvas")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", canvas)
    size = canvas.size["width"]
    x = LEFT + (1 - (by_truth[index] - 0.5) / N_ARCHITECTURES) * (size - LEFT - RIGHT)
    y = TOP + (by_score[index] - 0.5) / N_ARCHITECTURES * (size - TOP - BOTTOM)
    moves = ActionChains(browser).move_to_element_with_offset(canvas, round(x - size / 2), round(y - size / 2))
    moves.perform()
    found = facts(browser)
    assert found["text"] == format_architecture(index)
    assert found["true rank"] == f"{int(by_truth[index]):,} of 15,625"
    assert found["rank by score"] == f"{int(by_score[index]):,} of 15,625"
    assert float(found["score (mask logits)"]) == pytest.approx(float(score[index]), rel=1e-5)
    assert found["cell"].startswith("Cell: 0 to 1 ")


def test_an_architecture_is_found_by_string_and_keys_go_on_from_it(browser: Any, run: Run) -> None:
    choose(browser, "strategy", str(run.strategies.index("gm-nas")))
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    find = browser.find_element("id", "find")
    find.clear()
    find.send_keys(text, "\n")
    until(browser, f"return document.querySelector('#scores-panel .architecture')?.textContent === '{text}'")
    found = facts(browser)
    index = int(found["our index"].replace(",", ""))
    score = read_scores(run.unit_dir("gm-nas", 0)).scores["accuracy"]
    first, last = rankdata(-score, "min")[index], rankdata(-score, "max")[index]
    expected = f"{int(first):,} of 15,625" if first == last else f"{int(first):,} to {int(last):,} of 15,625"
    assert (format_architecture(index), found["rank by score"]) == (text, expected)
    assert found["leaf"] in {leaf["name"] for leaf in run.of("gm-nas")[0].leaves}
    before = int(rankdata(-TRUTH)[index])
    browser.find_element("css selector", "#scores-panel canvas").send_keys("\ue014")  # arrow right: a better true rank
    assert facts(browser)["true rank"] == f"{before - 1:,} of 15,625"
    find.clear()
    find.send_keys("|conv~0|", "\n")
    until(browser, "return document.getElementById('find-note').textContent.startsWith('Not an architecture')")


def test_tau_between_two_rankings_is_tau_b(browser: Any, run: Run) -> None:
    units = [(record.strategy, record.seed) for record in run.records]
    one, other = units.index(("close", 0)), units.index(("hm-nas", 0))
    choose(browser, "pair-x", str(one))
    choose(browser, "pair-y", str(other))
    shown = browser.find_element("css selector", "#pair-panel .tau-line").text
    scores = [read_scores(run.unit_dir(*units[place])).scores["accuracy"] for place in (one, other)]
    assert f"tau between them {kendalltau(*scores).statistic:.3f} " in shown


def test_scores_are_downloaded_as_they_are_stored(browser: Any, run: Run) -> None:
    import polars as pl

    choose(browser, "strategy", str(run.strategies.index("gm-nas")))
    browser.execute_script("document.getElementById('csv-unit').click()")
    path = browser.folder / "cifar10-cpu-gm-nas-seed-0.csv"
    wait(browser).until(lambda _: path.exists())
    frame = pl.read_csv(path)
    stored = read_scores(run.unit_dir("gm-nas", 0))
    assert frame["arch"].to_list() == [format_architecture(index) for index in stored.index.tolist()]
    np.testing.assert_array_equal(frame["accuracy"].to_numpy().astype(np.float32), stored.scores["accuracy"])
    np.testing.assert_array_equal(frame["leaf"].to_numpy(), stored.leaf)
    np.testing.assert_allclose(frame[f"truth_{run.records[0].truth['policy']}"].to_numpy(), TRUTH, rtol=1e-8)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_scrolls_sideways(browser: Any, width: int) -> None:
    look(browser, width)
    until(browser, f"return innerWidth === {width}")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_axe_finds_no_violation(browser: Any, width: int, scheme: str) -> None:
    package = importlib.util.find_spec("axe_core_python")
    if package is None or package.origin is None:
        pytest.skip("axe-core-python is not installed")
    look(browser, width, scheme)
    browser.execute_script((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] }).then((all) =>"
        " done(all.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`)))"
    )
    assert found == []


def test_the_look_follows_the_reader(browser: Any) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    look(browser, 1280, "dark")
    dark = browser.execute_script(paper)
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(paper) != dark
    assert browser.find_element("id", "theme").text == "Dark"
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(paper) == dark
    assert browser.get_log("browser") == []
