"use strict";

// Sorting: a header's button turns its column; missing values (empty keys) stay last either way.
function compareKeys(numeric, direction) {
  return (a, b) => {
    if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "");
    const order = numeric ? Number(a.key) - Number(b.key) : a.key.localeCompare(b.key, "en", { numeric: true });
    return direction * (order || 0);
  };
}

// Turns a header, marks it alone, and says which way.
function turn(header) {
  const numeric = header.hasAttribute("data-numeric");
  const before = header.getAttribute("aria-sort");
  const ascending = before ? before === "descending" : !numeric;
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  return { numeric, direction: ascending ? 1 : -1 };
}

function sortBy(table, header) {
  const { numeric, direction } = turn(header);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: row.cells[header.cellIndex].dataset.key }));
  rows.sort(compareKeys(numeric, direction));
  body.append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable:not([id^=clips])")) {
  for (const header of table.tHead.rows[0].cells) {
    header.firstElementChild.addEventListener("click", () => sortBy(table, header));
  }
}

// Filters of the head: parts by data set, rows of leaderboards and domains by the rest.
const filters = document.getElementById("filters");

function filterRows() {
  const { text, ...chosen } = Object.fromEntries(new FormData(filters));
  for (const section of document.querySelectorAll("section[data-dataset]")) {
    section.hidden = Boolean(chosen.dataset) && section.dataset.dataset !== chosen.dataset;
  }
  const rows = [...document.querySelectorAll("tr[data-filtered]")];
  for (const row of rows) {
    const fits = ["kind", "modality", "grid"].every((name) => !chosen[name] || row.dataset[name] === chosen[name]);
    row.hidden = !fits || !row.cells[0].textContent.toLowerCase().includes(text.trim().toLowerCase());
  }
  const boards = rows.filter((row) => "row" in row.dataset && !row.closest("section").hidden);
  const shown = boards.filter((row) => !row.hidden).length;
  filters.querySelector("output").textContent = shown === boards.length ? "" : `${shown} of ${boards.length} rows`;
}

if (filters) {
  filters.addEventListener("input", filterRows);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(filterRows));
}

// A name in a leaderboard leads to a box, which opens.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", openTarget);
openTarget();

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
