// Pieces that every view shows of an item: its verdict, its progress, its seed.
//
//   verdict(card)              shape and word; card: has a state and perhaps a status (queued, generating, failed)
//   mark("stale")              the shape and word alone;  shape(state)  the shape;  meaning(state)  what the word means
//   const one = bar("012"); one.show(message)   a progress bar; message: of the contract's type "progress"
//   stepText(message)          "step 7 of 20", "queued", …
//   reasonText(card)           all reasons in one line
//   seedText(seed)
//   const one = picture(); one.show(card.thumbnail, thumbnails(card))

import {drawing, el, set, write} from "./dom.js";

export const STATES = ["fresh", "missing", "stale", "edited", "foreign", "damaged"];

const SHAPES = {
  fresh: "M2.5 8.5l3.5 3.5 7.5-8",
  missing: "M8 2a6 6 0 0 1 0 12M8 14a6 6 0 0 1-4.2-1.8M2 8a6 6 0 0 1 1.8-4.2",
  stale: "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 2v3h-3",
  edited: "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3zM9.5 4.2l2.3 2.3",
  foreign: "M8 1.8L14.2 8 8 14.2 1.8 8zM8 5.3v3.2M8 10.8v.1",
  damaged: "M5.2 2h5.6L14 5.2v5.6L10.8 14H5.2L2 10.8V5.2zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  failed: "M8 2l6.5 11.5h-13zM8 6.3v3.4M8 11.5v.1",
  queued: "M3 4h10M3 8h10M3 12h6",
  generating: "M8 2v3M8 11v3M2 8h3M11 8h3M3.8 3.8l2 2M10.2 10.2l2 2M3.8 12.2l2-2M10.2 5.8l2-2",
};

const MEANS = {
  fresh: "The picture is what its recipe says.",
  missing: "There is no picture yet.",
  stale: "The recipe has changed since the picture was made.",
  edited: "The picture was changed by hand. It is not overwritten unasked.",
  foreign: "There is a picture that was not made here. It is not overwritten unasked.",
  damaged: "The file is not a whole picture. It is not overwritten unasked.",
  failed: "The last attempt failed.",
};

export function mark(state) {
  return el("span.verdict", {dataset: {state}, title: MEANS[state]}, shape(state), el("span", {}, state));
}

export const shape = (state) => drawing(SHAPES[state] ?? SHAPES.foreign);

export const meaning = (state) => MEANS[state] ?? "";

export const stateOf = (card) => card.status || card.state;

export const verdict = (card) => mark(stateOf(card));

export function bar(name) {
  const node = el("div.bar", {
    role: "progressbar",
    "aria-label": `Progress of ${name}`,
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  return {
    node,
    show(message) {
      const part = Math.min(1, Math.max(0, message?.progress ?? 0));
      node.style.setProperty("--part", part);
      set(node, {"aria-valuenow": Math.round(part * 100), "aria-valuetext": stepText(message)});
    },
  };
}

export function stepText(message) {
  if (message?.steps) return `step ${message.step} of ${message.steps}`;
  return message?.message || (message?.status === "queued" ? "waiting for its turn" : "working");
}

export const reasonText = (card) => card.error || (card.reasons ?? []).join("; ");

export const seedText = (seed) => (seed === null || seed === undefined ? "no seed yet" : `seed ${seed}`);

// An image that fades in over its place; a broken one leaves the place empty. ``sources`` are the same picture in
// several sizes (thumbnails(card)), from which the browser takes what a place as wide as ``sizes`` needs.
export function picture(className = "picture", sizes = "") {
  const image = el(`img.${className}`, {alt: "", decoding: "async", draggable: "false", sizes: sizes || null});
  image.addEventListener("load", () => image.classList.add("there"));
  image.addEventListener("error", () => image.classList.remove("there"));
  return {
    node: image,
    show(address, sources = "") {
      if (image.getAttribute("src") === address) return;
      set(image, {srcset: sources || null});
      if (address) image.src = address;
      else {
        image.removeAttribute("src");
        image.classList.remove("there");
      }
    },
  };
}

const THUMBNAILS = [320, 640, 1280]; // the longer side, in pixels, of what the server makes

// The srcset of a card's thumbnail; none is larger than the picture.
export function thumbnails({thumbnail, width, height}) {
  const longer = Math.max(width ?? 0, height ?? 0);
  if (!thumbnail || longer <= THUMBNAILS[0]) return "";
  return THUMBNAILS.filter((_, index) => !index || THUMBNAILS[index - 1] < longer)
    .map((size) => `${thumbnail}&size=${size} ${Math.round((width * Math.min(size, longer)) / longer)}w`)
    .join(", ");
}

export function showText(node, text) {
  write(node, text);
  node.title = text;
}
