// Start: the table at once, drawings as far as the page has what they need.
const themes = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (document.documentElement.dataset.theme ?? (themes.matches ? "dark" : "light")) === "dark";
const setTheme = (theme) => {
  if (theme) document.documentElement.dataset.theme = theme;
  $("theme").textContent = dark() ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", `Switch to the ${dark() ? "light" : "dark"} look`);
  if (document.documentElement.dataset.ready) repaint();
};
$("theme").hidden = false;
$("theme").addEventListener("click", () => setTheme(dark() ? "light" : "dark"));
themes.addEventListener("change", () => setTheme(null));

const open = (id) => { $(id).closest("section").hidden = false; };
const startDrawings = () => {
  if (DATA.units.length && TRUTH) { open("scores"); startScores(); }
  if (DATA.units.length) { open("pair"); startPair(); open("downloads"); startDownloads(); }
  open("curves");
  startCurves();
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
};
setTheme(null);
startTable();
requestAnimationFrame(() => setTimeout(startDrawings)); // the table is there first

// Paper is white, and nobody can open what is folded there.
let before = null;
addEventListener("beforeprint", () => {
  before = { theme: document.documentElement.dataset.theme, folded: [...document.querySelectorAll("details:not([open]):has(.notes)")] };
  before.folded.forEach((one) => { one.open = true; });
  setTheme("light");
});
addEventListener("afterprint", () => {
  before.folded.forEach((one) => { one.open = false; });
  delete document.documentElement.dataset.theme;
  setTheme(before.theme ?? null);
});
