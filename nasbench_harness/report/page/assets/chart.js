// Lines or dots of strategies on two axes, as SVG with its colours in it, so that it can be saved.
const highlighted = new Set();
const niceTicks = (low, high, count) => {
  const raw = (high - low) / count, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= raw);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) ticks.push(value);
  return ticks;
};
const logTicks = (low, high) => {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of high / low > 200 ? [1] : [1, 2, 5]) {
      if (factor * 10 ** power >= low * 0.999 && factor * 10 ** power <= high * 1.001) ticks.push(factor * 10 ** power);
    }
  }
  return ticks;
};
const short = (value) => {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (Math.abs(value) >= size) return `${+(value / size).toPrecision(3)} ${unit}`;
  return `${+value.toPrecision(3)}`;
};

// `spec`: name, title, xName, yName, log, dots, lines: [[y, text], ...], series: [{ strategy, x, y, low, high }],
// say(one, place); linesLeft, namesLeft: where texts stand, else at the right.
const makeChart = (spec) => {
  const drawing = el("div", { class: "drawing" }), read = el("p", { class: "read quiet", role: "status" });
  const numbers = el("details", {}, el("summary", {}, "Numbers"));
  const button = el("button", { type: "button", class: "small" }, "Save as SVG");
  const root = el("figure", { class: "chart" }, el("figcaption", {}, spec.title), drawing, read,
    el("div", { class: "foot" }, numbers, button));
  const all = (key) => spec.series.flatMap((one) => one[key] || []);
  const xs = all("x"), ys = [...all("y"), ...(spec.dots ? [...all("low"), ...all("high")] : []), ...spec.lines.map(([y]) => y)];
  const bounds = (values, log) => {
    const low = Math.min(...values), high = Math.max(...values), pad = (high - low) * 0.04 || 0.05;
    return log ? [low / 1.15, high * 1.15] : [low - pad, high + pad];
  };
  const [xLow, xHigh] = bounds(xs, spec.log), [yLow, yHigh] = bounds(ys, false);
  let points = [], width = 0;

  const draw = () => {
    width = drawing.clientWidth;
    if (!width) return;
    const height = Math.max(240, Math.min(340, width * 0.62)), left = 52, right = 12, top = 10, bottom = 40;
    const along = (value) => (spec.log ? Math.log(value / xLow) / Math.log(xHigh / xLow) : (value - xLow) / (xHigh - xLow));
    const px = (value) => +(left + along(value) * (width - left - right)).toFixed(1);
    const py = (value) => +(height - bottom - ((value - yLow) / (yHigh - yLow)) * (height - top - bottom)).toFixed(1);
    const quiet = colourOf("ink-quiet"), line = colourOf("ink-line"), parts = [];
    const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor, fill: quiet }, text);
    for (const tick of niceTicks(yLow, yHigh, 5)) {
      parts.push(svg("line", { x1: left, x2: width - right, y1: py(tick), y2: py(tick), stroke: line }));
      parts.push(label(left - 6, py(tick) + 4, `${+tick.toFixed(3)}`, "end"));
    }
    const ticks = spec.log ? logTicks(xLow, xHigh) : niceTicks(xLow, xHigh, width < 420 ? 4 : 6);
    for (const tick of ticks) parts.push(label(px(tick), height - bottom + 17, short(tick), "middle"));
    parts.push(label((left + width - right) / 2, height - 4, spec.xName, "middle"));
    parts.push(svg("text", { transform: `translate(12 ${(height - bottom + top) / 2}) rotate(-90)`, "text-anchor": "middle", fill: quiet }, spec.yName));
    for (const [y, text] of spec.lines) {
      parts.push(svg("line", { x1: left, x2: width - right, y1: py(y), y2: py(y), stroke: quiet, "stroke-dasharray": "2 3" }));
      parts.push(spec.linesLeft ? label(left + 4, py(y) - 5, text, "start") : label(width - right, py(y) - 5, text, "end"));
    }
    points = [];
    const order = spec.series.map((one) => one).sort((a, b) => weight(a) - weight(b));
    for (const one of order) {
      const strategy = DATA.strategies[one.strategy], colour = colourOf(`k c${strategy.colour}`);
      const on = highlighted.has(one.strategy), faint = highlighted.size && !on;
      const look = { stroke: colour, fill: "none", "stroke-width": on ? 2.6 : 1.4, opacity: faint ? 0.22 : strategy.kind === "control" && !on ? 0.6 : 1 };
      if (!spec.dots) {
        if (on && one.low) {
          const there = one.x.map((x, place) => `${px(x)},${py(one.high[place])}`);
          const back = one.x.map((x, place) => `${px(x)},${py(one.low[place])}`).reverse();
          parts.push(svg("polygon", { points: [...there, ...back].join(" "), fill: colour, opacity: 0.15 }));
        }
        parts.push(svg("polyline", { points: one.x.map((x, place) => `${px(x)},${py(one.y[place])}`).join(" "), ...look }));
      }
      one.x.forEach((x, place) => {
        points.push({ one, place, x: px(x), y: py(one.y[place]) });
        if (spec.dots && one.low) parts.push(svg("line", { x1: px(x), x2: px(x), y1: py(one.low[place]), y2: py(one.high[place]), ...look, "stroke-width": 1 }));
        if (spec.dots || on || one.x.length === 1) parts.push(svg("circle", { cx: px(x), cy: py(one.y[place]), r: spec.dots ? (on ? 6 : 4.2) : 2.6, fill: colour, opacity: look.opacity }));
      });
      if (on) {
        const end = spec.namesLeft ? 0 : one.x.length - 1, late = px(one.x[end]) > width * 0.7;
        parts.push(svg("text", { x: px(one.x[end]) + (late ? -7 : 8), y: py(one.y[end]) - 7, "text-anchor": late ? "end" : "start", fill: colourOf("ink"), "font-weight": 600 }, strategy.label));
      }
    }
    drawing.replaceChildren(svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${spec.title}. The numbers are beneath.`, "font-family": "system-ui, sans-serif", "font-size": 12 }, ...parts));
  };
  const weight = (one) => (highlighted.has(one.strategy) ? 2 : DATA.strategies[one.strategy].kind === "control" ? 0 : 1);
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const far = (point) => (point.x - x) ** 2 + (point.y - y) ** 2;
    const best = points.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
    read.textContent = best && far(best) < 400 ? spec.say(best.one, best.place) : "";
  });
  numbers.addEventListener("toggle", () => {
    if (numbers.children.length > 1) return;
    const heads = ["strategy", spec.xName, spec.yName].map((text, place) => el("th", { scope: "col", class: place ? null : "name" }, text));
    const rows = spec.series.flatMap((one) => one.x.map((x, place) => el("tr", {},
      el("th", { scope: "row", class: "name" }, DATA.strategies[one.strategy].label), el("td", {}, short(x)), el("td", {}, fixed(one.y[place], 3)))));
    numbers.append(el("div", { class: "wide tall", role: "region", tabindex: "0", "aria-label": `Numbers: ${spec.title}` },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))));
  });
  button.addEventListener("click", () => {
    save(fileName(DATA.experiment, `${spec.name}.svg`), "image/svg+xml", new XMLSerializer().serializeToString(drawing.firstChild));
  });
  watchers.push(draw);
  new ResizeObserver(() => { if (drawing.clientWidth !== width) draw(); }).observe(drawing);
  return root;
};
