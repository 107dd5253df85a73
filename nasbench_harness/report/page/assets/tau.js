// Kendall's tau-b of two columns over the rows that both know, by sorting (Knight, 1966).
const countTies = (values) => {
  let pairs = 0;
  for (let start = 0, end; start < values.length; start = end) {
    for (end = start; end < values.length && values[end] === values[start]; end++);
    pairs += ((end - start) * (end - start - 1)) / 2;
  }
  return pairs;
};
const sortCounting = (values) => { // merge sort in place; how many pairs stood in falling order
  let swaps = 0, from = values, to = new Float64Array(values.length);
  for (let width = 1; width < values.length; width *= 2) {
    for (let low = 0; low < values.length; low += 2 * width) {
      const middle = Math.min(low + width, values.length), high = Math.min(low + 2 * width, values.length);
      let left = low, right = middle;
      for (let place = low; place < high; place++) {
        if (left < middle && (right >= high || from[left] <= from[right])) to[place] = from[left++];
        else { to[place] = from[right++]; swaps += middle - left; }
      }
    }
    [from, to] = [to, from];
  }
  return { swaps, sorted: from };
};
const kendall = (one, other) => {
  const rows = Array.from(one.keys()).filter((row) => !Number.isNaN(one[row]) && !Number.isNaN(other[row]));
  rows.sort((a, b) => one[a] - one[b] || other[a] - other[b]);
  const x = Float64Array.from(rows, (row) => one[row]), y = Float64Array.from(rows, (row) => other[row]);
  let both = 0;
  for (let start = 0, end; start < rows.length; start = end) {
    for (end = start; end < rows.length && x[end] === x[start] && y[end] === y[start]; end++);
    both += ((end - start) * (end - start - 1)) / 2;
  }
  const all = (rows.length * (rows.length - 1)) / 2, tiesX = countTies(x), { swaps, sorted } = sortCounting(y);
  const tiesY = countTies(sorted), spread = Math.sqrt(all - tiesX) * Math.sqrt(all - tiesY);
  return spread ? (all - tiesX - tiesY + both - 2 * swaps) / spread : NaN;
};
