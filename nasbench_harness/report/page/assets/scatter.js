// All architectures as dots by two rankings, the best at the top right; ties are spread over the ranks they share.
const LEAVES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a5fd0", "#999933", "#aa4466",
  "#44aa99", "#888888", "#117733"];
const HEAT = ["#46307e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#9fda3a", "#e8c61c"];
const leafColour = (leaf, count) =>
  (count <= LEAVES.length ? LEAVES[leaf] : `hsl(${Math.round((leaf * 137.508) % 360)} 60% ${45 + 15 * (leaf % 2)}%)`);
const EDGE = { left: 54, right: 12, top: 12, bottom: 44 };

const drawingOrder = Array.from({ length: N }, (_, row) => row).sort((a, b) => mixed(a, -2) - mixed(b, -2));
let chosenRow = null;
const scatters = [];
const choose = (row, from) => {
  chosenRow = row;
  scatters.forEach((one) => one.mark(row, one === from));
};

// `state` is { x, y: ranks; xName, yName; zoom: all, x or y; colour(row); facts(row): [[name, text], ...] }.
const makeScatter = (root, name) => {
  const canvas = el("canvas", { tabindex: "0", role: "application", "aria-roledescription": "scatter plot" });
  const ring = el("div", { class: "ring", hidden: true }), side = el("div", { class: "facts" });
  const spoken = el("p", { class: "sr", role: "status" }), heading = el("p", { class: "tau-line" });
  root.append(el("div", { class: "plot-side" }, heading, el("div", { class: "stage" }, canvas, ring), spoken,
    el("p", { class: "quiet hint" }, "Point at a dot to see its architecture; a click keeps it. Keys: arrows go to the "
      + "next rank, Home and End to the best and the worst, Escape lets go.")), side);
  let state = null, size = 0, pinned = false;

  const span = (axis) => (state.zoom === axis ? 0.1 : 1);
  const share = (one, row) => (one.place[row] + 0.5) / one.n; // 0 the best
  const at = (row) => [
    EDGE.left + (1 - share(state.x, row) / span("x")) * (size - EDGE.left - EDGE.right),
    EDGE.top + (share(state.y, row) / span("y")) * (size - EDGE.top - EDGE.bottom)];
  const shown = (row) => state.x.place[row] >= 0 && state.y.place[row] >= 0
    && share(state.x, row) <= span("x") && share(state.y, row) <= span("y");

  const axes = (pen) => {
    const ink = colourOf("ink-quiet"), right = size - EDGE.right, bottom = size - EDGE.bottom;
    pen.strokeStyle = colourOf("ink-line");
    pen.fillStyle = ink;
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    pen.strokeRect(EDGE.left, EDGE.top, right - EDGE.left, bottom - EDGE.top);
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const label = (axis) => (part === 0 ? "best" : `${+(100 * part * span(axis)).toFixed(1)} %`);
      const x = right - part * (right - EDGE.left), y = EDGE.top + part * (bottom - EDGE.top);
      pen.textAlign = part === 0 ? "right" : part === 1 ? "left" : "center";
      pen.fillText(label("x"), x, bottom + 16);
      pen.textAlign = "right";
      pen.fillText(label("y"), EDGE.left - 6, y + (part === 0 ? 10 : part === 1 ? 0 : 4));
    }
    pen.textAlign = "center";
    pen.fillText(`rank by ${state.xName}`, (EDGE.left + right) / 2, size - 8, right - EDGE.left);
    pen.save();
    pen.translate(12, (EDGE.top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(`rank by ${state.yName}`, 0, 0, bottom - EDGE.top);
    pen.restore();
  };

  const medians = (pen) => {
    const bins = Array.from({ length: 24 }, () => []);
    for (let row = 0; row < N; row++) {
      const here = share(state.x, row) / span("x");
      if (state.x.place[row] >= 0 && here < 1) bins[Math.floor(here * bins.length)].push(state.y.place[row]);
    }
    pen.beginPath();
    bins.forEach((places, bin) => {
      if (places.length < 5) return;
      places.sort((a, b) => a - b);
      const middle = places[places.length >> 1] / state.y.n / span("y");
      const x = EDGE.left + (1 - (bin + 0.5) / bins.length) * (size - EDGE.left - EDGE.right);
      if (middle <= 1) pen.lineTo(x, EDGE.top + middle * (size - EDGE.top - EDGE.bottom));
    });
    pen.strokeStyle = colourOf("ink");
    pen.lineWidth = 1.6;
    pen.stroke();
  };

  const draw = () => {
    if (!state || !canvas.clientWidth) return;
    size = canvas.clientWidth;
    const scale = devicePixelRatio || 1, pen = canvas.getContext("2d");
    canvas.width = canvas.height = Math.round(size * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    axes(pen);
    const rows = drawingOrder.filter(shown);
    const dot = rows.length > 5000 ? 1.8 : 3;
    pen.globalAlpha = rows.length > 5000 ? 0.55 : 0.8;
    for (const row of rows) {
      const [x, y] = at(row);
      pen.fillStyle = state.colour(row);
      pen.fillRect(x - dot / 2, y - dot / 2, dot, dot);
    }
    pen.globalAlpha = 1;
    medians(pen);
    mark(chosenRow, false);
  };

  const mark = (row, aloud) => {
    if (!state) return;
    ring.hidden = row === null || !shown(row);
    if (!ring.hidden) {
      const [x, y] = at(row);
      ring.style.transform = `translate(${x}px, ${y}px)`;
    }
    side.replaceChildren(...(row === null ? [state.legend()] : [
      drawCell(INDEX[row]), el("p", { class: "architecture" }, textOf(INDEX[row])),
      el("dl", {}, ...state.facts(row).flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)])),
      state.legend()]));
    if (aloud && row !== null) spoken.textContent = `${textOf(INDEX[row])}; ${state.facts(row).map((fact) => fact.join(" ")).join("; ")}`;
  };

  const nearest = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, least = 15 ** 2;
    for (let row = 0; row < N; row++) {
      if (!shown(row)) continue;
      const [a, b] = at(row), far = (a - x) ** 2 + (b - y) ** 2;
      if (far < least) [best, least] = [row, far];
    }
    return best;
  };
  canvas.addEventListener("pointermove", (event) => {
    if (pinned || event.pointerType === "touch") return;
    const row = nearest(event);
    if (row !== null) choose(row, null);
  });
  canvas.addEventListener("click", (event) => {
    const row = nearest(event);
    pinned = row !== null;
    if (row !== null) choose(row, null);
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: ["x", -1], ArrowLeft: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1], Home: ["x", -N],
      End: ["x", N] };
    if (event.key === "Escape") { pinned = false; choose(null, null); return; }
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [axis, step] = steps[event.key], one = state[axis];
    const here = chosenRow === null || one.place[chosenRow] < 0 ? (step < 0 ? 1 : -1) : one.place[chosenRow];
    pinned = true;
    choose(one.rows[Math.min(Math.max(here + step, 0), one.n - 1)], self);
  });
  const self = {
    mark, draw,
    pin: () => { pinned = true; },
    set: (next, line) => {
      state = next;
      heading.textContent = line;
      canvas.setAttribute("aria-label", `${name}: rank by ${state.yName} against rank by ${state.xName}. ${line}`);
      draw();
    },
  };
  scatters.push(self);
  new ResizeObserver(() => { if (canvas.clientWidth !== size) draw(); }).observe(canvas);
  return self;
};
