// The page: it turns clicks into a view, and shows what the painter draws of it. The address after # is the view, so a
// copied link shows the same pictures.

import { fromLink, newView, picturesOf, toLink } from "./latent.js";
import { open, paint, walk } from "./painter.js";

const LARGEST_SEED = 2 ** 32 - 1;
const SMALLEST_SIDE = 96; // of a picture on the screen, in CSS pixels
const WALKERS = 16; // pictures in a GIF

const at = (id) => document.getElementById(id);
let information;
let view;
let chosen = null; // the pictures that "Blend two" has got so far, or null
let drawing = Promise.resolve(); // one after the other: the model works on one thread

const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
const say = (text) => (at("said").textContent = text);

// ---- What a view looks like ----

function canvasOf(image, canvas = document.createElement("canvas")) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function nameOf(kind, index) {
  const name = information.class_names ? `${information.class_names[kind]}, ` : "";
  return `${name}picture ${index + 1}`;
}

const narrow = matchMedia("(max-width: 30rem)"); // a phone: half as many columns, so that pictures can be seen

function columnsFor(count) {
  const classes = information.class_names ? information.class_names.length : 0;
  if (view.show === "grid" && view.kind < 0 && classes > 1 && classes <= 16) return classes;
  return Math.max(1, Math.round(Math.sqrt(count)));
}

function showControls() {
  at("kind").value = view.kind;
  at("truncation").value = view.truncation;
  at("truncation-shown").textContent = view.truncation ? view.truncation.toFixed(1) : "off";
  at("count").value = view.count;
  at("seed").value = view.seed;
  at("ways").hidden = view.show === "grid" && !chosen;
  at("gif").hidden = view.show !== "grid"; // a walk is one of the grid
  at("again").hidden = view.show !== "variations";
  at("blending").hidden = view.show !== "blend";
  at("part").value = view.part;
  at("pictures").className = view.show;
  if (chosen) at("where").textContent = chosen.length ? "Now choose the second picture." : "Choose the first picture.";
  else if (view.show === "variations") at("where").textContent = `Variations of picture ${view.picture + 1}`;
  else at("where").textContent = `From picture ${view.picture + 1} to picture ${view.other + 1}`;
}

async function show(images, wanted) {
  const main = at("pictures");
  const columns = view.show === "blend" ? 1 : columnsFor(images.length);
  main.style.setProperty("--columns", narrow.matches && columns > 5 ? Math.ceil(columns / 2) : columns);
  main.style.setProperty("--side", `${SMALLEST_SIDE}px`);
  if (view.show === "blend") {
    const canvas = canvasOf(images[0]);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${Math.round(100 * view.part)} % of the way`);
    main.replaceChildren(canvas);
    return;
  }
  const buttons = images.map((image, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "picture";
    button.dataset.index = index;
    button.setAttribute("aria-label", nameOf(wanted[index].kind, index));
    button.title = nameOf(wanted[index].kind, index);
    button.append(canvasOf(image));
    return button;
  });
  main.replaceChildren(...buttons);
}

function draw() {
  // Draws the newest view when the drawing before is done; of several requests in a row only the last is drawn.
  const asked = view;
  showControls();
  history.replaceState(null, "", `#${toLink(view, information)}`);
  drawing = drawing.then(async () => {
    if (asked !== view) return;
    const started = performance.now();
    const wanted = picturesOf(asked, information);
    const images = await paint(wanted, information, asked);
    if (asked !== view) return;
    await show(images, wanted);
    if (asked.show === "blend") await showEnds(asked);
    const milliseconds = Math.round(performance.now() - started);
    say(`${images.length === 1 ? "1 picture" : `${images.length} pictures`}, drawn in ${milliseconds} ms`);
    document.documentElement.dataset.drawn = toLink(asked, information); // for tests: this view is on the screen
  });
  drawing = drawing.catch((error) => say(`This did not work: ${error.message}`));
  return drawing;
}

async function showEnds(asked) {
  for (const [id, part] of [["blend-start", 0], ["blend-end", 1]]) {
    const end = { ...asked, part };
    const [image] = await paint(picturesOf(end, information), information, end);
    canvasOf(image, at(id)).setAttribute("aria-label", `picture ${(part ? asked.other : asked.picture) + 1}`);
  }
}

// Every change ends the choice of two pictures: it may be between pictures that are gone.
const change = (difference) => {
  chosen = null;
  view = { ...view, ...difference };
  return draw();
};

// ---- What clicks do ----

function choose(index) {
  if (chosen) {
    chosen.push(index);
    if (chosen.length < 2) return showControls();
    const [picture, other] = chosen;
    return change({ show: "blend", picture, other, part: 0.5 });
  }
  if (view.show === "grid") return change({ show: "variations", picture: index, turn: randomSeed() });
  return change({ turn: randomSeed() });
}

function listen() {
  at("new").onclick = () => {
    change({ ...newView(information, randomSeed()), count: view.count, kind: view.kind, truncation: view.truncation });
  };
  at("pictures").onclick = (event) => {
    const button = event.target.closest("button.picture");
    if (button) choose(Number(button.dataset.index));
  };
  at("kind").onchange = () => change({ kind: Number(at("kind").value) });
  at("count").onchange = () => change({ count: Number(at("count").value), show: "grid", picture: 0, other: 0 });
  at("truncation").oninput = () => change({ truncation: Number(at("truncation").value) });
  at("part").oninput = () => change({ part: Number(at("part").value) });
  at("seed").onchange = () => {
    const seed = Math.min(Math.max(Math.trunc(Number(at("seed").value) || 0), 0), LARGEST_SEED);
    change({ ...newView(information, seed), count: view.count, kind: view.kind, truncation: view.truncation });
  };
  at("back").onclick = () => change({ show: "grid" });
  at("again").onclick = () => change({ turn: randomSeed() });
  at("blend").onclick = async () => {
    await change({ show: "grid" });
    chosen = [];
    showControls();
    at("pictures").querySelector("button")?.focus();
  };
  at("png").onclick = savePng;
  at("gif").onclick = saveGif;
  at("link").onclick = copyLink;
  at("controls").onsubmit = (event) => event.preventDefault();
  window.onhashchange = () => {
    chosen = null;
    view = fromLink(location.hash, information, view.seed);
    draw();
  };
  narrow.onchange = draw;
  document.onkeydown = (event) => {
    if (event.key === "Escape" && (chosen || view.show !== "grid")) at("back").click();
    const places = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
    const button = document.activeElement?.closest("button.picture");
    if (!button || !(event.key in places)) return;
    const rows = event.key === "ArrowUp" || event.key === "ArrowDown";
    const step = rows ? Number(getComputedStyle(at("pictures")).getPropertyValue("--columns")) : 1;
    const all = [...at("pictures").children];
    all[all.indexOf(button) + places[event.key] * step]?.focus();
    event.preventDefault();
  };
}

// ---- Saving ----

function sheetOf(images, columns) {
  // All pictures on one sheet, each enlarged by a whole factor until its shorter side has about 64 pixels.
  const { width, height } = images[0];
  const factor = Math.max(1, Math.round(64 / Math.min(width, height)));
  const gap = 2;
  const sheet = document.createElement("canvas");
  sheet.width = columns * (factor * width + gap) + gap;
  sheet.height = Math.ceil(images.length / columns) * (factor * height + gap) + gap;
  const context = sheet.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  images.forEach((image, index) => {
    const left = gap + (index % columns) * (factor * width + gap);
    const top = gap + Math.floor(index / columns) * (factor * height + gap);
    context.drawImage(canvasOf(image), left, top, factor * width, factor * height);
  });
  return sheet;
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function savePng() {
  await drawing;
  const images = await paint(picturesOf(view, information), information, view);
  const sheet = sheetOf(images, view.show === "blend" ? 1 : columnsFor(images.length));
  sheet.toBlob((blob) => download(blob, `seed_${view.seed}.png`), "image/png");
}

async function saveGif() {
  await drawing;
  const count = Math.min(view.count, WALKERS);
  const sheet = (images) => sheetOf(images, columnsFor(count));
  say("The walk is drawn ...");
  try {
    download(await walk({ ...view, count }, information, sheet, say), `walk_seed_${view.seed}.gif`);
    say("The walk is saved.");
  } catch (error) {
    say(`This did not work: ${error.message}`);
  }
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    say("Copied: the link shows exactly these pictures.");
  } catch {
    say(`Copy the address of this page: ${location.href}`);
  }
}

// ---- The start ----

function option(value, text) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

async function start() {
  information = await open();
  const [height, width] = information.picture_shape;
  document.title = at("name").textContent = information.source.replace(/\.[^.]*$/, "");
  at("about").textContent =
    `A neural network draws these pictures of ${height}x${width} pixels from random numbers. ` +
    "None of them is a photograph of anything.";
  view = fromLink(location.hash, information, randomSeed());
  if (information.class_names) {
    at("kind-label").hidden = false;
    at("kind").append(option(-1, "all"), ...information.class_names.map((name, number) => option(number, name)));
  }
  const counts = [...new Set([4, 9, 16, 36, 64, newView(information, 0).count, view.count])].sort((one, two) => one - two);
  at("count").append(...counts.map((count) => option(count, count)));
  listen();
  await draw();
}

start().catch((error) => say(`The generator could not be loaded: ${error.message}`));
