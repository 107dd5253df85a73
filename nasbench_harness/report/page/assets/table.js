// The leaderboard: sorting by headings, filtering by name and kind, more columns.
const board = $("board"), body = board.tBodies[0];
const cellOf = (row, place) => row.cells[place].dataset.v ?? "";
const sortBy = (heading) => {
  const place = heading.cellIndex, button = heading.querySelector("button"), before = heading.getAttribute("aria-sort");
  const text = button.dataset.key === "strategy";
  let up = text || button.dataset.rising === "1";
  if (before === "ascending") up = false;
  if (before === "descending") up = true;
  for (const other of board.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...body.rows], sign = up ? 1 : -1;
  rows.sort((a, b) => {
    const one = cellOf(a, place), other = cellOf(b, place);
    if (one === "" || other === "") return (one === "") - (other === "");
    return sign * (text ? one.localeCompare(other, "en") : Number(one) - Number(other));
  });
  body.append(...rows);
};
const filterRows = () => {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const kinds = new Set([...$("filters").querySelectorAll("fieldset input:checked")].map((box) => box.value));
  let count = 0;
  for (const row of body.rows) {
    const text = `${row.dataset.name} ${row.cells[0].textContent}`.toLowerCase();
    row.hidden = !(kinds.has(row.dataset.kind) && words.every((word) => text.includes(word)));
    count += !row.hidden;
  }
  $("shown").textContent = count === body.rows.length ? `${count} rows` : `${count} of ${body.rows.length} rows`;
};
const startTable = () => {
  $("filters").hidden = false;
  board.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sortBy(button.closest("th"));
  });
  $("filters").addEventListener("input", filterRows);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("all-columns").addEventListener("click", () => {
    const all = board.classList.toggle("all");
    $("all-columns").setAttribute("aria-pressed", String(all));
  });
  filterRows();
};
