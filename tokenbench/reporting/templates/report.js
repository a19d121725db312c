"use strict";

// Sorting: a header's button turns its column; missing values (empty keys) stay last either way.
function compareKeys(numeric, direction) {
  return (a, b) => {
    if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "");
    const order = numeric ? Number(a.key) - Number(b.key) : a.key.localeCompare(b.key, "en", { numeric: true });
    return direction * (order || 0);
  };
}

function sortBy(table, header) {
  const numeric = header.hasAttribute("data-numeric");
  const before = header.getAttribute("aria-sort");
  const ascending = before ? before === "descending" : !numeric;
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: row.cells[header.cellIndex].dataset.key }));
  rows.sort(compareKeys(numeric, ascending ? 1 : -1));
  body.append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) {
    header.firstElementChild.addEventListener("click", () => sortBy(table, header));
  }
}

// Filter: every word must occur in the first three columns (clip, domain, tokenizer).
for (const input of document.querySelectorAll("input[data-table]")) {
  const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, [0, 1, 2].map((i) => row.cells[i].textContent).join(" ").toLowerCase()]));
  const count = input.closest("p").querySelector("output");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      if (!row.hidden) shown += 1;
    }
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  });
}

for (const button of document.querySelectorAll("button[data-open], button[data-close]")) {
  const open = "open" in button.dataset;
  button.addEventListener("click", () => {
    const boxes = button.closest("section").querySelectorAll(open ? button.dataset.open : button.dataset.close);
    for (const box of boxes) box.open = open;
  });
}

// Viewer: one picture large; arrow keys or a click flick through the three of its row.
const viewer = document.getElementById("viewer");
let series = [];
let place = 0;

function show(index) {
  place = (index + series.length) % series.length;
  const picture = series[place];
  viewer.querySelector("img").src = picture.src;
  viewer.querySelector("img").alt = picture.alt;
  viewer.querySelector("p").textContent = `${picture.alt} (${place + 1} of ${series.length}, arrow keys)`;
}

for (const button of document.querySelectorAll("button.shot")) {
  button.addEventListener("click", () => {
    series = [...button.closest(".shots").querySelectorAll("img")];
    show(series.indexOf(button.firstElementChild));
    viewer.showModal();
  });
}
viewer.querySelector("img").addEventListener("click", () => show(place + 1));
viewer.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) show(place + step);
});

document.documentElement.dataset.ready = "true";
