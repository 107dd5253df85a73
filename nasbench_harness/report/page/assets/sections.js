// What the sections show: the choices, and what each scatter and drawing is made of.
const unitName = (unit) => `${DATA.strategies[unit.strategy].label}, seed ${unit.seed}`;
const signalWords = (name) => name.replaceAll("_", " ");
const judged = (unit) => (DATA.signal in unit.scores ? DATA.signal : Object.keys(unit.scores)[0]);
const heat = (row) => HEAT[Math.min(convolutions(INDEX[row]), HEAT.length - 1)];
const swatch = (colour, text) => {
  const dot = el("span", { class: "dot" });
  dot.style.background = colour;
  return el("li", {}, dot, text);
};
const heatLegend = () => el("ul", { class: "legend row" }, el("li", {}, "live convolutions:"), ...HEAT.map((colour, count) => swatch(colour, `${count}`)));
const common = (row) => [["our index", whole(INDEX[row])],
  ...(TRUTH ? [["true accuracy", `${fixed(TRUTH[row], 2)} %`], ["true rank", rankText(ranks(TRUTH), row)]] : [])];

let currentUnit = null;
const startScores = () => {
  const units = DATA.units, pick = { strategy: $("strategy"), seed: $("seed"), signal: $("signal") };
  const panel = makeScatter($("scores-panel"), "Scores against the truth");
  const of = (strategy) => units.filter((unit) => unit.strategy === strategy);
  const rank = (number) => -(of(number)[0]?.tau[judged(of(number)[0])] ?? -2);
  const known = DATA.strategies.map((_, number) => number).filter((number) => of(number).length).sort((a, b) => rank(a) - rank(b));
  pick.strategy.append(...known.map((number) => option(number, DATA.strategies[number].label)));

  const refill = (select, values, text) => {
    const before = select.value;
    select.replaceChildren(...values.map((value) => option(value, text(value))));
    if (values.map(String).includes(before)) select.value = before;
  };
  const show = () => {
    const found = of(Number(pick.strategy.value));
    refill(pick.seed, found.map((unit) => unit.seed), String);
    const unit = found.find((one) => String(one.seed) === pick.seed.value);
    refill(pick.signal, [judged(unit), ...Object.keys(unit.scores).filter((name) => name !== judged(unit))], signalWords);
    currentUnit = unit;
    const signal = pick.signal.value, scores = unpack(unit.scores[signal]), byScore = ranks(scores);
    const leaf = unit.leaf ? unpack(unit.leaf) : null, count = unit.leaves.length, mode = $("colour").value;
    const one = colourOf(`k c${DATA.strategies[unit.strategy].colour}`), none = colourOf("ink-quiet");
    const colour = { one: () => one, convolutions: heat,
      leaf: (row) => (!leaf ? one : leaf[row] ? leafColour(leaf[row] - 1, count) : none) }[mode];
    const leafLegend = () => el("ul", { class: "legend" }, ...unit.leaves.slice(0, 40).map((each, place) => swatch(leafColour(place, count),
      `${each.name}${each.n === null ? "" : ` (${whole(each.n)}; tau ${fixed(each.kendall_tau, 2)}, offset ${fixed(100 * each.rank_offset, 0)} %)`}`)));
    panel.set({
      x: ranks(TRUTH), y: byScore, xName: "true accuracy", yName: signalWords(signal), zoom: $("zoom").value, colour,
      legend: () => (mode === "convolutions" ? heatLegend() : mode === "leaf" && leaf ? leafLegend() : el("p", { class: "quiet" }, mode === "leaf" ? "One network scores the whole space: no leaves." : "The line is the median in each stretch of true ranks.")),
      facts: (row) => [...common(row), [`score (${signalWords(signal)})`, String(+scores[row].toPrecision(6))], ["rank by score", rankText(byScore, row)],
        ...(leaf ? [["leaf", leaf[row] ? unit.leaves[leaf[row] - 1].name : "none"]] : [])],
    }, `tau ${fixed(unit.tau[signal], 3)} · ${unitName(unit)} · ${whole(Math.min(byScore.n, ranks(TRUTH).n))} architectures`);
  };
  $("scores-form").addEventListener("change", (event) => { if (event.target.id !== "find") show(); });
  $("scores-form").addEventListener("submit", (event) => event.preventDefault());
  $("find").addEventListener("change", () => {
    const index = parse($("find").value), row = index === null ? undefined : rowOf.get(index), empty = !$("find").value.trim();
    $("find-note").textContent = empty ? "" : index === null ? "Not an architecture: give a string like |nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|, or an index from 0 to 15624."
      : row === undefined ? "This architecture is not among those that the experiment ranks." : "";
    if (row !== undefined) { panel.pin(); choose(row, panel); }
  });
  board.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-strategy]");
    if (!button || !known.includes(Number(button.dataset.strategy))) return;
    pick.strategy.value = button.dataset.strategy;
    show();
    $("scores").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    pick.strategy.focus({ preventScroll: true });
  });
  watchers.push(show);
  show();
  choose(ranks(unpack(currentUnit.scores[judged(currentUnit)])).rows[0], null); // what this ranking would recommend
};

const series = () => [
  ...DATA.units.map((unit) => ({ name: unitName(unit), values: () => unpack(unit.scores[judged(unit)]) })),
  ...DATA.references.map((one) => ({ name: `${one.label} (reference)`, values: () => unpack(one.scores) }))];
const startPair = () => {
  const all = series(), across = $("pair-x"), up = $("pair-y"), panel = makeScatter($("pair-panel"), "Two rankings");
  for (const select of [across, up]) select.append(...all.map((one, number) => option(number, one.name)));
  across.value = String(all.length - 1);
  if (DATA.units.length > 1) {
    const order = DATA.units.map((unit, number) => [unit.tau[judged(unit)] ?? -2, number]).sort((a, b) => b[0] - a[0]);
    const best = order[0][1], next = order.find(([, number]) => DATA.units[number].strategy !== DATA.units[best].strategy) ?? order[1];
    [up.value, across.value] = [String(best), String(next[1])];
  }
  if (!TRUTH) $("pair-colour").value = "convolutions";
  const show = () => {
    const [one, other] = [all[Number(across.value)], all[Number(up.value)]], x = ranks(one.values()), y = ranks(other.values());
    const mode = TRUTH ? $("pair-colour").value : $("pair-colour").value === "truth" ? "one" : $("pair-colour").value;
    const strong = colourOf("accent"), quiet = colourOf("ink-quiet"), best = TRUTH && ranks(TRUTH);
    const isBest = (row) => best.place[row] >= 0 && best.place[row] < best.n / 10;
    const tenth = Math.floor(N / 10), both = x.rows.slice(0, tenth).filter((row) => y.place[row] < tenth).length;
    panel.set({
      x, y, xName: one.name, yName: other.name, zoom: "all",
      colour: { one: () => strong, convolutions: heat, truth: (row) => (isBest(row) ? strong : quiet) }[mode],
      legend: () => (mode === "truth" ? el("ul", { class: "legend row" }, swatch(strong, "truly best tenth"), swatch(quiet, "others")) : mode === "convolutions" ? heatLegend() : el("p")),
      facts: (row) => [...common(row), [`rank by ${one.name}`, rankText(x, row)], [`rank by ${other.name}`, rankText(y, row)]],
    }, `tau between them ${fixed(kendall(one.values(), other.values()), 3)} · ${Math.round((100 * both) / tenth)} % of their best tenths in common`);
  };
  $("pair-form").addEventListener("change", show);
  $("pair-form").addEventListener("submit", (event) => event.preventDefault());
  watchers.push(show);
  show();
  if (chosenRow === null) choose(ranks(all[Number(up.value)].values()).rows[0], null);
};

const startCurves = () => {
  const label = (one) => DATA.strategies[one.strategy].label;
  const named = DATA.strategies.map((strategy, number) => [strategy, number]).sort(([a], [b]) => a.label.localeCompare(b.label, "en"));
  const chips = named.map(([strategy, number]) => {
    const chip = el("button", { type: "button", class: `chip c${strategy.colour}`, "aria-pressed": "false" }, el("span", { class: "dot" }), strategy.label);
    chip.addEventListener("click", () => {
      if (!highlighted.delete(number)) highlighted.add(number);
      chip.setAttribute("aria-pressed", String(highlighted.has(number)));
      repaint();
    });
    return chip;
  });
  $("chips").append(...chips);
  const charts = [];
  const cost = (key, name, unit, size) => {
    const known = DATA.cost.filter((one) => one[key] && one.tau !== null);
    if (!known.length) return;
    charts.push({ name: `tau-${key}`, title: `Tau against ${name}`, xName: unit, yName: "Kendall's tau", log: true, dots: true, lines: DATA.references.filter((one) => one.tau !== null).map((one) => [one.tau, one.label]),
      series: known.map((one) => ({ strategy: one.strategy, x: [one[key] / size], y: [one.tau], low: one.interval && [one.interval[0]], high: one.interval && [one.interval[1]] })),
      say: (one) => `${label(one)}: tau ${fixed(one.y[0], 3)} at ${short(one.x[0])} ${unit}` });
  };
  for (const [signal, lines] of Object.entries(DATA.training?.signals ?? {})) {
    charts.push({ name: `training-${signal}`, title: `Tau along training, by ${signalWords(signal)}, n = ${whole(DATA.training.n)}; band: range of the seeds`, xName: "architecture-updates", yName: "Kendall's tau", log: false, linesLeft: true,
      series: lines, lines: DATA.training.reference === null ? [] : [[DATA.training.reference, "live FLOPs"]],
      say: (one, place) => `${label(one)}: tau ${fixed(one.y[place], 3)} after ${short(one.x[place])} updates (${one.seeds} ${one.seeds > 1 ? "seeds" : "seed"})` });
  }
  const long = DATA.cost.some((one) => one.seconds > 600);
  cost("seconds", "time", long ? "minutes" : "seconds", long ? 60 : 1);
  const spent = DATA.cost.map((one) => one.architecture_updates);
  if (Math.max(...spent) > 1.05 * Math.min(...spent)) cost("architecture_updates", "training", "architecture-updates", 1);
  if (DATA.topK.length) {
    charts.push({ name: "top-k", title: "Best true accuracy among the k highest scores", xName: "k", yName: "accuracy, %", log: true, namesLeft: true, series: DATA.topK, lines: [[DATA.ceiling, "best of all"]],
      say: (one, place) => `${label(one)}: ${fixed(one.y[place], 2)} % among the ${one.x[place]} highest` });
  }
  $("charts").append(...charts.map(makeChart));
};

const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const csv = (columns) => [columns.map(([name]) => quoted(name)).join(","),
  ...Array.from({ length: N }, (_, row) => columns.map(([, cell]) => cell(row)).join(","))].join("\n") + "\n";
const plain = (values) => (row) => (Number.isNaN(values[row]) ? "" : String(values instanceof Float32Array ? +values[row].toPrecision(8) : +values[row].toPrecision(9)));
const startDownloads = () => {
  const first = [["index", (row) => INDEX[row]], ["arch", (row) => textOf(INDEX[row])], ...(TRUTH ? [[`truth_${DATA.policy}`, plain(TRUTH)]] : [])];
  $("csv-board").addEventListener("click", () => save(fileName(DATA.experiment, "leaderboard.csv"), "text/csv", DATA.csv));
  $("csv-unit").addEventListener("click", () => {
    const unit = currentUnit ?? DATA.units[0], leaf = unit.leaf && unpack(unit.leaf);
    const columns = [...first, ["leaf", (row) => (leaf ? leaf[row] - 1 : 0)], ...Object.entries(unit.scores).map(([name, packed]) => [name, plain(unpack(packed))])];
    save(fileName(DATA.experiment, DATA.strategies[unit.strategy].name, `seed-${unit.seed}.csv`), "text/csv", csv(columns));
  });
  $("csv-all").addEventListener("click", () => {
    const columns = DATA.units.flatMap((unit) => Object.entries(unit.scores).map(([name, packed]) => [`${DATA.strategies[unit.strategy].name}/seed-${unit.seed}/${name}`, plain(unpack(packed))]));
    save(fileName(DATA.experiment, "scores.csv"), "text/csv", csv([...first, ...columns]));
  });
};
