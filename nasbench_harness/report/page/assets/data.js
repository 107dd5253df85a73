// Architectures and columns of numbers. A code is an index in base 5, the first edge its highest digit.
const N_ALL = 15625;
const OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
const EDGES = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]];
const PATHS = [[3], [0, 4], [1, 5], [0, 2, 5]];
const ARRAYS = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

const POWERS = [3125, 625, 125, 25, 5, 1];
const codeOf = (index) => POWERS.map((power) => Math.floor(index / power) % 5);
const indexOf = (code) => code.reduce((sum, operation) => 5 * sum + operation, 0);
const liveOf = (code) => {
  const live = EDGES.map(() => false);
  for (const path of PATHS) if (path.every((edge) => code[edge])) path.forEach((edge) => { live[edge] = true; });
  return live;
};
const textOf = (index) => {
  const code = codeOf(index);
  const node = (edges) => `|${edges.map((edge, from) => `${OPERATIONS[code[edge]]}~${from}`).join("|")}|`;
  return [[0], [1, 2], [3, 4, 5]].map(node).join("+");
};
const parse = (text) => {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) < N_ALL ? Number(trimmed) : null;
  const operations = [...trimmed.matchAll(/([a-z0-9_]+)~\d/g)].map((found) => OPERATIONS.indexOf(found[1]));
  if (operations.length !== 6 || operations.includes(-1)) return null;
  return textOf(indexOf(operations)) === trimmed ? indexOf(operations) : null;
};
const convolutions = (index) => {
  const code = codeOf(index), live = liveOf(code);
  return code.filter((operation, edge) => live[edge] && (operation === 2 || operation === 3)).length;
};

// For each architecture the place of its live cell among all live cells, in the order of their indices.
let cellPlaces = null;
const placeOfCell = () => {
  if (cellPlaces === null) {
    const cell = new Uint16Array(N_ALL);
    for (let index = 0; index < N_ALL; index++) {
      const code = codeOf(index), live = liveOf(code);
      cell[index] = indexOf(code.map((operation, edge) => (live[edge] ? operation : 0)));
    }
    const place = new Map([...new Set(cell)].sort((a, b) => a - b).map((index, number) => [index, number]));
    cellPlaces = cell.map((index) => place.get(index));
  }
  return cellPlaces;
};

const array = (text, type) => {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);
  return new ARRAYS[type](bytes.buffer);
};
const unpacked = new Map();
const unpack = (packed) => {
  if (!unpacked.has(packed)) {
    let values = array(packed.values, packed.values_type);
    if (packed.places) values = Float64Array.from(array(packed.places, packed.places_type), (place) => values[place]);
    if (packed.cells) values = Float64Array.from(placeOfCell(), (place) => values[place]);
    unpacked.set(packed, values);
  }
  return unpacked.get(packed);
};

const INDEX = DATA.index ? unpack(DATA.index) : Int32Array.from({ length: N_ALL }, (_, index) => index);
const N = INDEX.length;
const rowOf = new Map(Array.from(INDEX, (index, row) => [index, row]));
const TRUTH = DATA.truth ? unpack(DATA.truth) : null;
// An order that favours nothing, another one for each salt.
const mixed = (row, salt) => {
  const first = Math.imul((INDEX[row] + 1) ^ Math.imul(salt + 1, 0x9e3779b1), 0x85ebca6b);
  return Math.imul(first ^ (first >>> 15), 0xc2b2ae35) >>> 0;
};

// Ranks of a column, 1 the highest: first and last of a tie, and a place of its own inside it, 0 to n - 1; -1 unknown.
const ranked = new Map();
const ranks = (values) => {
  if (!ranked.has(values)) {
    const rows = Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]));
    const salt = ranked.size; // else two columns would spread one tie alike, which looks like agreement
    rows.sort((a, b) => values[b] - values[a] || mixed(a, salt) - mixed(b, salt));
    const first = new Int32Array(N).fill(-1), last = first.slice(), place = first.slice();
    for (let start = 0, end; start < rows.length; start = end) {
      for (end = start; end < rows.length && values[rows[end]] === values[rows[start]]; end++) place[rows[end]] = end;
      for (let here = start; here < end; here++) { first[rows[here]] = start + 1; last[rows[here]] = end; }
    }
    ranked.set(values, { values, n: rows.length, first, last, place, rows });
  }
  return ranked.get(values);
};
const rankText = (one, row) => {
  if (one.place[row] < 0) return "unknown";
  const from = one.first[row], to = one.last[row];
  return `${from < to ? `${whole(from)} to ${whole(to)}` : whole(from)} of ${whole(one.n)}`;
};
