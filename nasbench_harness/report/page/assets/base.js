// Small tools: elements from text that is never read as markup, colours as the style sheet has them.
const $ = (id) => document.getElementById(id);
const DATA = JSON.parse($("data").textContent);

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
};
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

const whole = (value) => value.toLocaleString("en");
const fixed = (value, digits) => (value === null || Number.isNaN(value) ? "-" : value.toFixed(digits));

// What a class is painted with now: a drawing needs the colour itself, so that it can be saved.
const colourOf = (name) => {
  const probe = $("probe");
  probe.className = name;
  return getComputedStyle(probe).color;
};

const watchers = [];
const repaint = () => watchers.forEach((draw) => draw());

const save = (name, kind, text) => {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
const fileName = (...parts) => parts.join("-").replace(/[^A-Za-z0-9._+=-]/g, "_");

const option = (value, text) => el("option", { value }, text);
