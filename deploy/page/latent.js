// What a link means: the noise and the class of every picture that is shown. Nothing here draws, and nothing knows of
// the page, so that each function can be tested by itself. The functions do what those of support/drawing/noise.py do.

import { noiseOfSeed } from "./noise.js";

const WALK_POINTS = 4;
const STEPS_BETWEEN_POINTS = 12;
const HOW_FAR = 0.35; // of the way from a picture to other noise: its variations
const LARGEST_SEED = 2 ** 32 - 1;

// ---- Normal distribution ----

function errorFunction(x) {
  // A series of positive terms: erf(x) = 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...).
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (2 * x * x) / odd;
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export function shareBelow(value) {
  return 0.5 * (1 + errorFunction(value / Math.SQRT2));
}

export function valueAt(share) {
  // The value that has this share of a normal distribution below it: bisection would do; Newton's steps are faster.
  if (share > 0.5) return -valueAt(1 - share);
  const root = Math.sqrt(-2 * Math.log(share)); // Abramowitz and Stegun 26.2.23: right to 4.5e-4
  let value =
    (2.515517 + 0.802853 * root + 0.010328 * root * root) /
      (1 + 1.432788 * root + 0.189269 * root * root + 0.001308 * root ** 3) -
    root;
  for (let step = 0; step < 3; step++) {
    value -= (shareBelow(value) - share) * Math.sqrt(2 * Math.PI) * Math.exp((value * value) / 2);
  }
  return value;
}

export function truncate(noise, threshold) {
  const lowest = shareBelow(-threshold);
  const highest = shareBelow(threshold);
  return Float32Array.from(noise, (value) => {
    const within = valueAt(lowest + shareBelow(value) * (highest - lowest));
    return Math.min(Math.max(within, -threshold), threshold);
  });
}

// ---- Between two pictures ----

export function onTheArc(start, end, fraction) {
  let product = 0;
  let lengthOfStart = 0;
  let lengthOfEnd = 0;
  start.forEach((value, index) => {
    product += value * end[index];
    lengthOfStart += value * value;
    lengthOfEnd += end[index] * end[index];
  });
  const cosine = product / Math.sqrt(lengthOfStart * lengthOfEnd);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const hasArc = Math.sin(angle) > 1e-3;
  const ofStart = hasArc ? Math.sin((1 - fraction) * angle) / Math.sin(angle) : 1 - fraction;
  const ofEnd = hasArc ? Math.sin(fraction * angle) / Math.sin(angle) : fraction;
  return Float32Array.from(start, (value, index) => ofStart * value + ofEnd * end[index]);
}

// ---- A view: what the page shows, and what its link says ----

export const VIEWS = ["grid", "variations", "blend"];

// A view as a new visitor gets it. `kind` is a class number, or -1 for all in turns.
export function newView(information, seed) {
  const classes = information.class_names ? information.class_names.length : 1;
  const columns = classes > 1 && classes <= 16 ? classes : 4;
  const count = columns * Math.max(1, Math.round(16 / columns) + (columns > 8 ? 1 : 0));
  return { show: "grid", seed, count, kind: -1, truncation: 0, picture: 0, other: 1, part: 0.5, turn: 0 };
}

// The link's part after #: only what differs from a new view, and the seed.
export function toLink(view, information) {
  const usual = newView(information, view.seed);
  const parts = Object.keys(view).filter((name) => name === "seed" || view[name] !== usual[name]);
  return new URLSearchParams(parts.map((name) => [name, view[name]])).toString();
}

// Reads a link. What is missing, unknown or out of range becomes what a new view has.
export function fromLink(text, information, seed) {
  const given = new URLSearchParams(text.replace(/^#/, ""));
  const whole = (name, lowest, highest, usual) => {
    const value = given.get(name);
    return value !== null && /^-?\d{1,10}$/.test(value) && +value >= lowest && +value <= highest ? +value : usual;
  };
  const real = (name, lowest, highest, usual) => {
    const value = given.get(name);
    return value !== null && /^\d{1,3}(\.\d{1,4})?$/.test(value) && +value >= lowest && +value <= highest ? +value : usual;
  };
  const view = newView(information, whole("seed", 0, LARGEST_SEED, seed));
  const classes = information.class_names ? information.class_names.length : 0;
  view.show = VIEWS.includes(given.get("show")) ? given.get("show") : view.show;
  view.count = whole("count", 1, 64, view.count);
  view.kind = whole("kind", -1, classes - 1, view.kind);
  view.truncation = real("truncation", 0, 4, view.truncation);
  view.picture = whole("picture", 0, view.count - 1, view.picture);
  view.other = whole("other", 0, view.count - 1, Math.min(view.other, view.count - 1));
  view.part = real("part", 0, 1, view.part);
  view.turn = whole("turn", 0, LARGEST_SEED, view.turn);
  return view;
}

export function classOf(view, index, information) {
  if (!information.class_names) return 0;
  return view.kind >= 0 ? view.kind : index % information.class_names.length;
}

// The noise of the first `count` pictures of a seed, a Float32Array each.
function rows(seed, count, size) {
  const noise = noiseOfSeed(seed, count, size);
  return Array.from({ length: count }, (_, index) => noise.subarray(index * size, (index + 1) * size));
}

// What is shown, picture by picture: [{ noise, kind }].
export function picturesOf(view, information) {
  const own = rows(view.seed, view.count, information.noise_size);
  const kindOf = (index) => classOf(view, index, information);
  let shown = own.map((noise, index) => ({ noise, kind: kindOf(index) }));
  if (view.show === "variations") {
    const others = rows(view.turn, view.count, information.noise_size);
    const start = own[view.picture];
    shown = others.map((other, index) => ({
      noise: index ? onTheArc(start, other, HOW_FAR) : start, // the picture itself comes first
      kind: kindOf(view.picture),
    }));
  }
  if (view.show === "blend") {
    shown = [{ noise: onTheArc(own[view.picture], own[view.other], view.part), kind: kindOf(view.picture) }];
  }
  if (!view.truncation) return shown;
  return shown.map(({ noise, kind }) => ({ noise: truncate(noise, view.truncation), kind }));
}

// The frames of a walk, the one that samples.py draws into a .gif: a list of frames, each like `picturesOf`.
export function walkOf(view, information, count) {
  const size = information.noise_size;
  const points = rows(view.seed, WALK_POINTS * count, size);
  const frames = [];
  for (let point = 0; point < WALK_POINTS; point++) {
    for (let step = 0; step < STEPS_BETWEEN_POINTS; step++) {
      frames.push(
        Array.from({ length: count }, (_, index) => {
          const start = points[point * count + index];
          const end = points[((point + 1) % WALK_POINTS) * count + index];
          const noise = onTheArc(start, end, step / STEPS_BETWEEN_POINTS);
          return {
            noise: view.truncation ? truncate(noise, view.truncation) : noise,
            kind: classOf(view, index, information),
          };
        }),
      );
    }
  }
  return frames;
}
