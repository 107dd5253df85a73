"""The page as a whole: self-contained, the same bytes for the same records, right numbers, hostile names harmless."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence import Rules, gate, side_of
from nasbench_harness.records import Run, read_run, read_scores
from nasbench_harness.records.schema import lookup
from nasbench_harness.report import leaderboard
from nasbench_harness.report.page import build_page
from nasbench_harness.report.page.board import board_table
from nasbench_harness.report.page.chosen import choose, median_record
from nasbench_harness.report.page.names import looks
from nasbench_harness.report.page.pictures import Picture, Pictures, draw_pictures
from nasbench_harness.space import N_ARCHITECTURES

ROOT = Path(__file__).parents[3]
HOSTILE = "</script><img src=x onerror=alert(1)>"
TAUS = {"one-shot-uniform": [0.30, 0.50, 0.40], "gm-nas": [0.10, 0.15, 0.2], "mine": [0.6, 0.61, 0.62]}
TRUTH = np.random.default_rng(5).normal(90, 3, N_ARCHITECTURES)


class Seen(HTMLParser):
    """Tags with their attributes, and the text of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self._inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside][-1] += data


def data_of(html: str):
    return json.loads(Seen(html).raw["script"][0])


@pytest.fixture(scope="module")
def run(fake, tmp_path_factory) -> Run:
    return read_run(fake.write_run(tmp_path_factory.mktemp("run") / "mine", TAUS))


@pytest.fixture(scope="module")
def page(run):
    rules = Rules(0.03, 0.05, (3,))
    verdicts = gate(
        side_of(run, "kendall_tau", None, "mine"),
        side_of(run, "kendall_tau", None, "gm-nas"),
        rules,
        "kendall_tau",
        "x",
    )
    return build_page(run, leaderboard(run), [verdicts], TRUTH)


def test_the_same_records_give_the_same_bytes(run):
    again = read_run(run.folder)
    assert build_page(run, leaderboard(run)).html == build_page(again, leaderboard(again)).html


def test_nothing_is_loaded_and_only_what_the_policy_names_runs(page):
    seen = Seen(page.html)
    loading = {"src", "srcset", "style", "background", "action", "formaction", "poster", "ping"}
    assert not [tag for tag, given in seen.tags if loading & set(given) or any(name.startswith("on") for name in given)]
    assert not {tag for tag, _ in seen.tags} & {"link", "img", "iframe", "object", "embed", "base", "image", "use"}
    assert {given["href"][0] for tag, given in seen.tags if tag == "a"} == {"#"}
    [policy] = [given["content"] for tag, given in seen.tags if given.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    for text in (seen.raw["script"][1], seen.raw["style"][0]):
        assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in policy


def test_the_program_reads_no_text_as_markup_and_asks_for_nothing():
    program = "".join(
        part.read_text(encoding="utf-8")
        for part in files("nasbench_harness.report.page").joinpath("assets").iterdir()
        if part.name.endswith(".js")
    )
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|XMLHttpRequest"
    assert not re.findall(forbidden + r"|WebSocket|import\(|sendBeacon|localStorage|cookie", program)


def test_every_target_inside_the_page_is_there_once(page):
    tags = Seen(page.html).tags
    names = [given["id"] for _, given in tags if "id" in given]
    assert len(names) == len(set(names))
    wanted = {given["href"][1:] for tag, given in tags if tag == "a"}
    wanted |= {part for _, given in tags for name in ("aria-labelledby", "aria-describedby") if name in given
               for part in given[name].split()}  # fmt: skip
    assert wanted <= set(names)


def test_a_hostile_name_stays_text(run, fake):
    hostile = [replace(r, strategy=HOSTILE, experiment_name=HOSTILE) for r in run.of("mine")]
    places = {(HOSTILE, r.seed): run.unit_dir("mine", r.seed) for r in hostile}
    renamed = Run(run.folder, tuple(hostile), places)
    html = build_page(renamed, leaderboard(renamed), notes=[HOSTILE]).html
    seen = Seen(html)
    assert HOSTILE not in html
    assert "img" not in {tag for tag, _ in seen.tags}
    assert len(seen.raw["script"]) == 2
    assert data_of(html)["strategies"][0]["name"] == HOSTILE


def test_the_table_has_the_numbers_of_the_leaderboard(run, page):
    rows = re.findall(r'<tr data-kind="(\w+)" data-name="([^"]+)" class="c\d+">(.*?)</tr>', page.html, re.S)
    assert [(kind, name) for kind, name, _ in rows] == [
        ("method", "mine"), ("method", "one-shot-uniform"), ("method", "gm-nas")
    ]  # fmt: skip
    tau = leaderboard(run).rows[1].metrics["kendall_tau"]
    assert f">{tau.mean:.3f} ± {tau.sd:.3f}<small>{tau.interval[0]:.3f} to {tau.interval[1]:.3f}</small>" in rows[1][2]
    within = leaderboard(run).rows[1].metrics["tau_within_flops"]
    assert f">{within.mean:.3f} ± 0.000<small>{within.mean:.3f} to {within.mean:.3f}</small>" in rows[1][2]
    alone = Run(run.folder, run.of("mine")[:1])
    table = board_table(leaderboard(alone), looks(("mine",))[0])
    [row] = re.findall(r'<tr data-kind="method".*?</tr>', table, re.S)
    for metric in ("tau_within_flops", "tau_with_flops", "tau_in_predicted_top_10_percent", "pairwise_accuracy.1"):
        found = leaderboard(alone).rows[0].metrics[metric]
        low, high = found.interval
        assert low < high
        assert f">{found.mean:.3f}<small>{low:.3f} to {high:.3f}</small>" in row
    assert "few-shot" not in rows[1][2]
    assert page.html.count('<tr data-kind="reference"') == 2


def test_the_csv_is_the_leaderboard(run, page):
    rows = list(csv.DictReader(io.StringIO(data_of(page.html)["csv"])))
    assert [row["strategy"] for row in rows[:3]] == ["mine", "one-shot-uniform", "gm-nas"]
    assert float(rows[1]["tau"]) == pytest.approx(0.4)
    assert [row["kind"] for row in rows] == ["strategy"] * 3 + ["reference"] * 2


def test_verdicts_stand_with_their_word_and_rules(page):
    assert '<span class="verdict better"><span aria-hidden="true">▲</span> better</span>' in page.html
    assert page.contents["verdicts"][0]["summary"] == "1 better"
    table = page.html.split('<table class="verdicts"')[1].split("</table>")[0]
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', table)[2:6] == [
        "difference",
        "candidate less baseline",
        "within FLOPs",
        "with FLOPs",
    ]
    assert len(re.findall(r"<td>\+0\.000<small>[+-]0\.000 to [+-]0\.000</small></td>", table)) == 2
    assert "at most 5 % false" in page.html


def test_scores_and_truth_are_those_of_the_files(run, page):
    data = data_of(page.html)
    assert page.contents["units"] == 9
    assert page.contents["without_scores"] == []
    unit = next(u for u in data["units"] if data["strategies"][u["strategy"]]["name"] == "mine" and u["seed"] == 2)
    stored = read_scores(run.unit_dir("mine", 2)).scores
    assert set(unit["scores"]) == set(stored)
    packed = unit["scores"]["accuracy"]
    values = np.frombuffer(b64decode(packed["values"]), "<f4")
    np.testing.assert_array_equal(values, stored["accuracy"])
    assert unit["tau"]["negative_loss"] == 0.62
    assert [leaf["name"] for leaf in unit["leaves"]] == ["one half", "the other"]
    assert all(leaf["n"] == 200 for leaf in unit["leaves"])


def test_where_there_is_no_room_each_strategy_keeps_its_median_seed(run):
    whole = choose(run, None, 10**9)
    assert len(whole.held) == 9
    assert whole.left_out == ()
    some = choose(run, None, 10_000)
    assert [(held.record.strategy, held.record.seed) for held in some.held] == [
        (name, median_record(run.of(name), None).seed) for name in run.strategies
    ]
    assert [record.seed for record in some.left_out if record.strategy == "one-shot-uniform"] == [0, 1]
    assert {lookup(held.record.column(), "kendall_tau") for held in some.held} == {0.4, 0.15, 0.61}


def test_a_page_that_cannot_be_as_small_as_asked_is_refused(run):
    with pytest.raises(UsageError, match=r"the page takes [\d,]+ bytes, more than 50,000; allow more"):
        build_page(run, leaderboard(run), most_bytes=50_000)


def test_trajectories_are_means_over_seeds_with_their_range(run):
    def followed(record):
        points = [
            {"updates": 100 * (at + 1), "signals": {"accuracy": {"kendall_tau": 0.1 * (at + 1) + 0.01 * record.seed}}}
            for at in range(3)
        ]
        known = {"n": 250, "points": points, "references": {"live_flops": {"kendall_tau": 0.5}}}
        return replace(record, training={**record.training, "trajectory": known})

    records = tuple(followed(r) if r.strategy == "mine" else r for r in run.records)
    found = data_of(build_page(replace(run, records=records), leaderboard(run)).html)["training"]
    assert (found["n"], found["reference"]) == (250, 0.5)
    [line] = found["signals"]["accuracy"]
    assert (line["x"], line["seeds"]) == ([100, 200, 300], 3)
    assert line["y"] == pytest.approx([0.11, 0.21, 0.31])
    assert (line["low"], line["high"]) == ([0.1, 0.2, 0.3], [0.12, 0.22, 0.32])


def test_figures_are_pictures_in_the_page(run):
    picture = Picture("tau_by_strategy", b"PNG", "Tau <of> all.", 825, 300)
    page = build_page(run, leaderboard(run), pictures=Pictures((picture,), {"leaf_panels": "<no> leaves"}))
    source = f"data:image/png;base64,{b64encode(b'PNG').decode()}"
    found = [given for tag, given in Seen(page.html).tags if tag == "img"]
    assert [(given["src"], given["alt"], given["width"]) for given in found] == [
        (source, "Figure: tau by strategy", "825")
    ]
    assert "<figcaption>Tau &lt;of&gt; all.</figcaption>" in page.html
    assert "Not drawn: leaf_panels: &lt;no&gt; leaves" in page.html
    assert "img-src data:" in page.html
    assert page.contents["figures"] == ["tau_by_strategy"]


@pytest.mark.slow
def test_figures_are_drawn_with_what_is_at_hand(run):
    drawn = draw_pictures(run, None, None)
    sizes = {one.name: Image.open(io.BytesIO(one.png)).size for one in drawn.shown}
    assert sizes == {one.name: (one.width, one.height) for one in drawn.shown}
    assert {width for width, _ in sizes.values()} == {825}  # pixels: 5.5 inches
    assert "tau_by_strategy" in sizes
    assert "score_against_truth" in drawn.skipped
    assert all("Truth: column cifar10_test_200 of table fake" in one.caption for one in drawn.shown)


def test_many_units_fill_the_page_and_no_more():
    run = read_run(ROOT / "results" / "cifar10-cpu")
    records = tuple(replace(record, seed=seed) for record in run.records for seed in range(2))
    places = {(record.strategy, record.seed): run.unit_dir(record.strategy, 0) for record in records}
    double = Run(run.folder, records, places)
    page = build_page(double, leaderboard(double), truth_A=TRUTH, most_bytes=2_000_000)
    assert 1_900_000 < page.contents["bytes"] <= 2_000_000
    assert {one["strategy"] for one in page.contents["scores"]} == set(run.strategies)
    assert page.contents["without_scores"]
    assert f"Scores of {len(page.contents['scores'])} of 42 units are on this page" in page.html


def test_the_21_strategies_take_less_than_three_megabytes():
    run = read_run(ROOT / "results" / "cifar10-cpu")
    page = build_page(run, leaderboard(run), truth_A=TRUTH)
    assert page.contents["bytes"] == len(page.html.encode()) < 3_000_000
    assert len(page.contents["scores"]) == 21
    assert page.contents["without_scores"] == []
