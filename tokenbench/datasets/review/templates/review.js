"use strict";

const clips = JSON.parse(document.getElementById("clips").textContent);
for (const clip of clips) clip.saved = decision(clip);

const at = (id) => document.getElementById(id);
const main = document.querySelector("main");
const sets = at("sets").querySelector("select");
const GRID_PAGE = 24;
const STATES = { keep: "kept", drop: "dropped", "": "undecided" };
const FILTERS = {
  all: () => true,
  undecided: (clip) => !decided(clip),
  kept: (clip) => clip.choice === "keep",
  dropped: (clip) => clip.choice === "drop",
  flagged: (clip) => clip.reasons.length > 0,
};

let filter = "all";
let shown = []; // Indices of clips. Stays as it is while clips are decided, so that one can go back.
let place = 0; // In `shown`.
let grid = false;

function decision({ choice, reason, changed }) {
  return { choice, reason, changed };
}

// A decision on another version of the file is shown, and still to be made.
const decided = (clip) => clip.choice !== "" && !clip.changed;
const state = (clip) => (clip.changed ? `${STATES[clip.choice]}, but the file has changed since` : STATES[clip.choice]);
const ofSet = () => clips.filter((clip) => clip.set === sets.value);

function say(text) {
  at("said").textContent = text;
}

function put(element, text) {
  element.textContent = text;
  element.hidden = text === "";
}

// What is shown.

function choose(name) {
  const before = shown[place];
  filter = name;
  shown = [...clips.keys()].filter((index) => clips[index].set === sets.value && FILTERS[filter](clips[index]));
  place = Math.max(0, shown.indexOf(before));
  show();
}

function step(by, note = "") {
  const next = Math.min(Math.max(place + by, 0), shown.length - 1);
  if (next === place) {
    say(by > 0 ? "This is the last clip." : "This is the first clip.");
    return;
  }
  place = next;
  show(note);
}

function show(note = "") {
  at("nothing").hidden = shown.length > 0;
  at("single").hidden = grid || shown.length === 0;
  at("grid").hidden = !grid || shown.length === 0;
  at("view").setAttribute("aria-pressed", String(grid));
  count();
  stop();
  if (shown.length === 0) return;
  if (grid) showGrid();
  else showSingle();
  const clip = clips[shown[place]];
  say(`${note} ${clip.id}, ${place + 1} of ${shown.length}, ${state(clip)}. ${clip.reasons.join(". ")}`);
}

function count() {
  const own = ofSet();
  for (const button of at("filters").children) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
    button.querySelector("span").textContent = own.filter(FILTERS[button.dataset.filter]).length;
  }
  const done = own.filter(decided).length;
  at("progress").textContent = `${done} of ${own.length} decided`;
  document.querySelector("progress").max = own.length;
  document.querySelector("progress").value = done;
}

function showSingle() {
  const index = shown[place];
  const clip = clips[index];
  at("title").textContent = clip.id;
  at("place").textContent = `${place + 1} of ${shown.length}`;
  at("facts").textContent = clip.facts;
  at("reasons").replaceChildren(...clip.reasons.map((reason) => make("li", { textContent: reason })));
  at("reasons").hidden = clip.reasons.length === 0;
  at("scores").hidden = clip.scores.length === 0;
  at("scores").tBodies[0].replaceChildren(
    ...clip.scores.map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: value })),
    ),
  );
  at("reason").value = clip.reason;
  showState(at("state"), clip);
  showSheet(index, clip);
  play(index, clip);
}

function showState(element, clip) {
  element.textContent = state(clip);
  element.className = `state ${clip.choice} ${clip.changed ? "changed" : ""}`;
}

// The picture of the clip before must not stand beside the name of this one.
function showSheet(index, clip) {
  const sheet = at("sheet");
  sheet.hidden = true;
  sheet.alt = clip.sheet > 1 ? `${clip.sheet} frames of ${clip.id}` : clip.id;
  at("wait").hidden = false;
  put(at("broken"), "");
  put(at("caption"), "");
  sheet.onload = () => {
    sheet.hidden = false;
    at("wait").hidden = true;
    put(at("caption"), clip.sheet > 1 ? `${clip.sheet} frames from the first to the last, row by row` : "");
    for (const next of shown.slice(place + 1, place + 3)) new Image().src = `sheet/${next}`;
  };
  sheet.onerror = async () => {
    const why = await reasonOf(`sheet/${index}`);
    if (shown[place] !== index) return;
    at("wait").hidden = true;
    put(at("broken"), `No contact sheet: ${why}`);
  };
  sheet.src = `sheet/${index}`;
}

async function reasonOf(address) {
  try {
    return await (await fetch(address)).text();
  } catch {
    return "the server does not answer; start 'tokenbench review' again, and open the address that it prints";
  }
}

// The clip itself.

const video = at("video");

function play(index, clip) {
  put(at("unplayed"), clip.played || clip.sheet === 1 ? "" : "Browsers do not play losslessly stored clips.");
  if (!clip.played) return;
  video.hidden = false;
  video.onerror = () => {
    stop();
    put(at("unplayed"), "This browser does not play the clip; its sheet shows it.");
  };
  video.src = `video/${index}`;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
}

// Refused by the browser, or ended by the next clip: the controls show it.
function start() {
  video.play().catch(() => {});
}

function stop() {
  video.onerror = null;
  video.hidden = true;
  video.removeAttribute("src");
  video.load();
}

// The grid.

function showGrid() {
  const first = place - (place % GRID_PAGE);
  const page = shown.slice(first, first + GRID_PAGE);
  const tiles = at("grid").children;
  if (tiles.length !== page.length || page.some((index, i) => tiles[i].dataset.index !== String(index))) {
    at("grid").replaceChildren(...page.map((index) => tile(index)));
  }
  page.forEach((index, i) => {
    const clip = clips[index];
    const button = tiles[i].firstElementChild;
    button.setAttribute("aria-current", String(first + i === place));
    button.tabIndex = first + i === place ? 0 : -1;
    button.classList.toggle("dropped", clip.choice === "drop");
    showState(button.querySelector(".state"), clip);
  });
  tiles[place - first].firstElementChild.focus();
}

function tile(index) {
  const clip = clips[index];
  const button = make(
    "button",
    { type: "button" },
    make("img", { src: `sheet/${index}`, alt: "", loading: "lazy" }),
    make("b", { textContent: clip.id }),
    make("span", {}),
    make("small", { textContent: clip.reasons.join("; ") }),
  );
  button.querySelector("span").className = "state";
  // One click selects, two or a key open.
  button.addEventListener("click", (event) => {
    place = shown.indexOf(index);
    grid = event.detail === 1;
    show();
  });
  const item = make("li", {}, button);
  item.dataset.index = index;
  return item;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const gridColumns = () => getComputedStyle(at("grid")).gridTemplateColumns.split(" ").length;

function toggleGrid() {
  grid = !grid;
  show();
  if (!grid) main.focus();
}

// Decisions.

function decide(choice) {
  if (shown.length === 0) return;
  const clip = clips[shown[place]];
  clip.choice = choice;
  if (choice === "") clip.reason = "";
  clip.changed = false;
  save(clip);
  if (choice !== "" && place + 1 < shown.length) step(1, `${clip.id} ${STATES[choice]}.`);
  else show();
}

let saving = Promise.resolve();
let waiting = 0;
const unsaved = new Set();

// One after the other, so that the last decision of a clip is the one that stays.
function save(clip) {
  const sent = decision(clip);
  waiting += 1;
  saving = saving.then(async () => {
    const why = await post(clips.indexOf(clip), sent);
    waiting -= 1;
    if (why === "") {
      clip.saved = sent;
      unsaved.delete(clip);
      if (unsaved.size === 0) put(at("problem"), "");
      return;
    }
    if (clip.choice === sent.choice && clip.reason === sent.reason) Object.assign(clip, clip.saved);
    unsaved.add(clip);
    show();
    put(at("problem"), `Not saved, ${[...unsaved].map(({ id }) => id).join(", ")}: ${why}`);
  });
}

// Nothing where all went well, else what did not.
async function post(index, { choice, reason }) {
  const body = JSON.stringify({ choice, reason });
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch(`decision/${index}`, { method: "POST", headers, body });
    return answer.ok ? "" : await answer.text();
  } catch {
    return "the server does not answer; start 'tokenbench review' again, and open the address that it prints";
  }
}

// Hands. After a click with the mouse the keys belong to the page again: space must play, not repeat the click.

function onClick(button, action) {
  button.addEventListener("click", (event) => {
    action();
    if (event.detail > 0 && !grid) main.focus();
  });
}

for (const button of document.querySelectorAll("[data-choice]")) onClick(button, () => decide(button.dataset.choice));
for (const button of document.querySelectorAll("[data-step]")) onClick(button, () => step(Number(button.dataset.step)));
for (const button of at("filters").children) onClick(button, () => choose(button.dataset.filter));
onClick(at("view"), toggleGrid);
sets.addEventListener("change", () => choose(filter));
at("reason").addEventListener("change", () => {
  const clip = clips[shown[place]];
  clip.reason = at("reason").value.trim();
  if (clip.choice !== "") save(clip);
});
addEventListener("beforeunload", (event) => {
  if (waiting > 0) event.preventDefault();
});

const KEYS = {
  k: () => decide("keep"),
  d: () => decide("drop"),
  u: () => decide(""),
  g: toggleGrid,
  r: () => {
    if (!grid) at("reason").select();
  },
  " ": () => {
    if (grid || video.hidden) return;
    if (video.paused) start();
    else video.pause();
  },
};
const MOVES = { ArrowLeft: () => step(-1), ArrowRight: () => step(1) };
const GRID_MOVES = { ...MOVES, ArrowUp: () => step(-gridColumns()), ArrowDown: () => step(gridColumns()) };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape" && event.target === at("reason")) event.target.value = clips[shown[place]].reason;
    if (event.key === "Enter" || event.key === "Escape") main.focus();
    return;
  }
  if (event.target.matches("button") && event.key === " ") return;
  const action = (grid ? GRID_MOVES : MOVES)[event.key] ?? (event.repeat ? undefined : KEYS[event.key.toLowerCase()]);
  if (action === undefined) return;
  event.preventDefault();
  action();
});

const names = [...new Set(clips.map((clip) => clip.set))];
sets.replaceChildren(...names.map((name) => make("option", { textContent: name, value: name })));
at("sets").hidden = names.length === 1;
choose("all");
place = Math.max(0, shown.findIndex((index) => !decided(clips[index])));
show();
main.focus();
document.documentElement.dataset.ready = "true";
