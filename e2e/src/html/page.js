// Filters rows and opens them. Everything that is shown is in the page already.
"use strict";
const rows = [...document.querySelectorAll("tr.row")].map((row) => {
  const button = row.querySelector("button");
  return { row, button, more: document.getElementById(button.getAttribute("aria-controls")) };
});
const field = (id) => document.getElementById(id);

function open(one, wanted) {
  one.button.setAttribute("aria-expanded", String(wanted));
  one.more.hidden = !wanted || one.row.hidden;
}

const isOpen = (one) => one.button.getAttribute("aria-expanded") === "true";

function filter() {
  const words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const states = [];
  if (field("failing").checked) states.push("failed", "missing");
  if (field("known").checked) states.push("known", "platform");
  let shown = 0;
  for (const one of rows) {
    const { kind, preset, state, text } = one.row.dataset;
    const wanted =
      words.every((word) => text.includes(word)) &&
      ["", kind].includes(field("kind").value) &&
      ["", preset].includes(field("preset").value) &&
      (states.length === 0 || states.includes(state));
    one.row.hidden = !wanted;
    open(one, isOpen(one));
    if (wanted) shown += 1;
  }
  field("count").textContent = shown === rows.length ? `${shown} cells` : `${shown} of ${rows.length} cells`;
  field("nothing").hidden = shown > 0;
}

// An address such as index.html#basic opens that cell, and shows it whatever the filters say.
function follow() {
  const id = decodeURIComponent(location.hash.slice(1));
  const one = rows.find(({ row }) => row.id === id);
  if (!one) return;
  one.row.hidden = false;
  open(one, true);
  one.row.scrollIntoView();
}

for (const one of rows) one.button.addEventListener("click", () => open(one, !isOpen(one)));
field("filters").addEventListener("input", filter);
field("filters").addEventListener("submit", (event) => event.preventDefault());
field("open").addEventListener("click", () => {
  const wanted = rows.some((one) => !one.row.hidden && !isOpen(one));
  for (const one of rows) if (!one.row.hidden) open(one, wanted);
  field("open").textContent = wanted ? "close all" : "open all";
});
window.addEventListener("hashchange", follow);
// The fields keep their values when the page is loaded again.
filter();
follow();
