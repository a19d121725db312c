"use strict";

const ZOOMS = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16];
const MOST_OF_WINDOW = 0.7;
const PAN = 40;

// The pictures that a layer may need next, so that the frame slider does not wait for them.
const fetched = new Map();

function fetchAll(addresses) {
  for (const address of addresses) {
    if (fetched.has(address)) continue;
    const image = new Image();
    image.src = address;
    fetched.set(address, image);
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// One clip: its state, and how it is drawn. (x, y) is the point of the frame in the middle of every view.
function setUp(section) {
  const clip = JSON.parse(section.querySelector("script").textContent);
  const stage = section.querySelector(".stage");
  const divider = section.querySelector(".divider");
  const all = section.querySelector(".all");
  const slider = section.querySelector(".frame");
  const play = section.querySelector(".play");
  const every = section.querySelector(".every");
  const views = [...section.querySelectorAll(".view")];
  const state = { frame: clip.start, zoom: 1, x: clip.width / 2, y: clip.height / 2, divider: 50, playing: false };

  const inUse = () => views.filter((view) => view.parentElement === stage || !all.hidden);
  const layerOf = (view) => clip.layers[view.dataset.layer];

  function fitting() {
    return Math.min(stage.clientWidth / clip.width, stage.clientHeight / clip.height);
  }

  function drawPlaces() {
    const halves = [stage.clientWidth / 2 / state.zoom, stage.clientHeight / 2 / state.zoom];
    const keep = (value, half, size) => (2 * half >= size ? size / 2 : clamp(value, half, size - half));
    state.x = keep(state.x, halves[0], clip.width);
    state.y = keep(state.y, halves[1], clip.height);
    for (const view of inUse()) {
      // Whole pixels of the screen, or enlarged pixels would not be of one size.
      const left = Math.round(view.clientWidth / 2 - state.zoom * state.x);
      const top = Math.round(view.clientHeight / 2 - state.zoom * state.y);
      view.classList.toggle("enlarged", state.zoom >= 1);
      for (const medium of view.querySelectorAll("img, video")) {
        medium.style.transform = `translate(${left}px, ${top}px) scale(${state.zoom})`;
      }
    }
    const isPart = state.zoom > fitting() + 1e-6;
    section.querySelector(".scale").textContent = `${Math.round(state.zoom * 100)} %${isPart ? ", part of the frame" : ""}`;
  }

  function drawPictures() {
    const number = clip.frames[state.frame];
    for (const view of inUse()) {
      const layer = layerOf(view);
      const [image, video] = view.querySelectorAll("img, video");
      if (image.getAttribute("src") !== layer.stills[state.frame]) image.src = layer.stills[state.frame];
      image.alt = `${layer.name} of ${clip.clip}, frame ${number}`;
      image.hidden = state.playing;
      video.hidden = !state.playing;
      const score = layer.kind === "reconstruction" && !state.playing ? ` · ${layer.psnr[state.frame]} dB` : "";
      const badge = view.querySelector(".badge");
      if (badge) badge.textContent = layer.name + score;
      fetchAll(layer.stills);
    }
    for (const layer of clip.layers) {
      if (layer.kind !== "reconstruction") continue;
      section.querySelector(`[data-run="${layer.run}"]`).textContent = layer.psnr[state.frame];
    }
    if (slider) {
      slider.value = state.frame;
      slider.setAttribute("aria-valuetext", `frame ${number}`);
      section.querySelector("output.number").textContent = number;
    }
    if (play) {
      play.setAttribute("aria-pressed", state.playing);
      play.textContent = state.playing ? "Stop" : `Play ${clip.loop}`;
    }
    drawVideos();
  }

  function drawVideos() {
    let isNew = false;
    for (const view of views) {
      const video = view.querySelector("video");
      const loop = layerOf(view).loop;
      if (!state.playing || !inUse().includes(view)) {
        video.pause();
      } else if (video.getAttribute("src") !== loop || video.paused) {
        video.width = clip.width;
        video.height = clip.height;
        if (video.getAttribute("src") !== loop) video.src = loop;
        isNew = true;
      }
    }
    if (isNew) restart();
  }

  const playing = () => (state.playing ? inUse().map((view) => view.querySelector("video")) : []);

  function restart() {
    for (const video of playing()) {
      video.currentTime = 0;
      video.play().catch((error) => console.warn(`${video.currentSrc}: ${error.message}`));
    }
  }

  // All loops show the frame that the first one shows.
  function keepInStep() {
    const [leader, ...others] = playing();
    for (const video of others) {
      const apart = Math.abs(video.currentTime - leader.currentTime);
      if (!video.seeking && apart > 1.5 / clip.rate) video.currentTime = leader.currentTime;
    }
  }

  function drawDivider() {
    stage.style.setProperty("--divider", `${state.divider}%`);
    const [left, right] = views.map((view) => layerOf(view).name);
    divider.setAttribute("aria-valuenow", Math.round(state.divider));
    divider.setAttribute("aria-valuetext", `${Math.round(state.divider)} % ${left}, the rest ${right}`);
  }

  function moveDivider(percent) {
    state.divider = clamp(percent, 0, 100);
    drawDivider();
  }

  // Around a place in a view, given from its middle in pixels of the screen, which stays where it is.
  function zoomTo(zoom, across = 0, down = 0) {
    state.x += across / state.zoom - across / zoom;
    state.y += down / state.zoom - down / zoom;
    state.zoom = zoom;
    drawPlaces();
  }

  function zoomStep(direction, across, down) {
    const next = direction > 0 ? ZOOMS.find((zoom) => zoom > state.zoom) : ZOOMS.findLast((zoom) => zoom < state.zoom);
    if (next) zoomTo(next, across, down);
  }

  function move(across, down) {
    state.x -= across / state.zoom;
    state.y -= down / state.zoom;
    drawPlaces();
  }

  function show(side, layer) {
    stage.querySelector(`.view.${side}`).dataset.layer = layer;
    section.querySelector(`select[data-side="${side}"]`).value = layer;
    drawPictures();
    drawDivider();
  }

  for (const select of section.querySelectorAll("select.side")) {
    select.addEventListener("change", () => show(select.dataset.side, select.value));
  }

  section.querySelector(".swap").addEventListener("click", () => {
    const [left, right] = views.map((view) => view.dataset.layer);
    show("left", right);
    show("right", left);
  });

  for (const button of section.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      const action = button.dataset.zoom;
      if (action === "fit") zoomTo(fitting());
      else if (action === "natural") zoomTo(1);
      else zoomStep(action === "in" ? 1 : -1);
    });
  }

  for (const surface of [stage, ...all.querySelectorAll(".view")]) {
    surface.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const box = surface.getBoundingClientRect();
        const across = event.clientX - box.left - box.width / 2;
        const down = event.clientY - box.top - box.height / 2;
        if (event.deltaY) zoomStep(-event.deltaY, across, down);
      },
      { passive: false },
    );
    surface.addEventListener("pointerdown", (event) => surface.setPointerCapture(event.pointerId));
    surface.addEventListener("pointermove", (event) => {
      if (surface.hasPointerCapture(event.pointerId)) move(event.movementX, event.movementY);
    });
  }

  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage) return;
    const moves = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };
    if (event.key in moves) move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoomStep(1);
    else if (event.key === "-") zoomStep(-1);
    else return;
    event.preventDefault();
  });

  divider.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const box = stage.getBoundingClientRect();
    moveDivider((100 * (event.clientX - box.left)) / box.width);
  });
  divider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (event.key in steps) moveDivider(state.divider + steps[event.key]);
    else if (event.key === "Home") moveDivider(0);
    else if (event.key === "End") moveDivider(100);
    else return;
    event.preventDefault();
  });

  every.addEventListener("click", () => {
    all.hidden = !all.hidden;
    every.setAttribute("aria-pressed", !all.hidden);
    drawPictures();
    drawPlaces();
  });

  if (slider) {
    slider.addEventListener("input", () => {
      state.frame = Number(slider.value);
      state.playing = false;
      drawPictures();
    });
  }

  if (play) {
    play.addEventListener("click", () => {
      state.playing = !state.playing;
      drawPictures();
      drawPlaces();
    });
    const leader = views[0].querySelector("video");
    leader.addEventListener("timeupdate", keepInStep);
    // Not each on its own, so that they begin together every time.
    leader.addEventListener("ended", restart);
  }

  // The largest whole enlargement that shows all of the frame; a frame that is too large is shown in part.
  const room = Math.min(stage.clientWidth / clip.width, (MOST_OF_WINDOW * innerHeight) / clip.height);
  state.zoom = ZOOMS.findLast((zoom) => zoom >= 1 && zoom <= room) ?? 1;
  stage.style.height = `${Math.round(Math.min(clip.height * state.zoom, MOST_OF_WINDOW * innerHeight))}px`;
  new ResizeObserver(drawPlaces).observe(stage);
  drawPictures();
  drawDivider();
  drawPlaces();
}

for (const section of document.querySelectorAll(".exhibit")) setUp(section);
document.documentElement.dataset.ready = "true";
