// The cell of an architecture: four nodes, operations on the edges, what cannot reach the output dashed.
const SHORT = ["none", "skip", "1×1 conv", "3×3 conv", "3×3 pool"];
const NODES = [[22, 92], [122, 92], [222, 92], [322, 92]];
const BENDS = [0, -50, 0, -104, 50, 0]; // how far the middle of each edge is drawn up or down
const drawCell = (index) => {
  const code = codeOf(index), live = liveOf(code), lines = [], words = [];
  EDGES.forEach(([from, to], edge) => {
    const [x1, y1] = NODES[from], [x2, y2] = NODES[to], x = (x1 + x2) / 2, y = (y1 + y2) / 2;
    const kind = `edge o${code[edge]}${live[edge] ? "" : " dead"}`;
    lines.push(svg("path", { d: `M${x1} ${y1}Q${x} ${y + BENDS[edge] * 1.5} ${x2} ${y2}`, class: kind }));
    if (code[edge] === 0) return;
    const middle = y + BENDS[edge] * 0.75;
    words.push(svg("rect", { x: x - 29, y: middle - 9, width: 58, height: 18, rx: 9, class: kind }));
    words.push(svg("text", { x, y: middle + 4, class: kind }, SHORT[code[edge]]));
  });
  const nodes = NODES.map(([x, y], node) =>
    svg("g", { class: "node" }, svg("circle", { cx: x, cy: y, r: 13 }),
      svg("text", { x, y: y + 4 }, ["in", "1", "2", "out"][node])));
  const label = EDGES.map(([from, to], edge) => `${from} to ${to} ${SHORT[code[edge]]}`).join(", ");
  return svg("svg", { viewBox: "0 0 344 142", class: "cell", role: "img", "aria-label": `Cell: ${label}` },
    ...lines, ...words, ...nodes);
};
