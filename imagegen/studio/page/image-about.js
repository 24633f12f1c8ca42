// What an image is made from, and what would change: the tables beside the picture.

import {difference} from "./image-difference.js";
import {el, fill} from "./dom.js";
import {to} from "./router.js";

const FIRST = ["prompt", "negative_prompt", "seed", "width", "height"];

export class About {
  #changes = el("section.panel", {"aria-label": "What would change"});
  #recipe = el("section.panel", {"aria-label": "Recipe"});
  #references = el("section.panel", {"aria-label": "References"});
  #shown = "";

  constructor() {
    this.node = el("div.about", {}, this.#changes, this.#references, this.#recipe);
  }

  show(item) {
    const written = JSON.stringify([item.recipe, item.origins, item.changes, item.references, item.target]);
    if (written === this.#shown) return; // what is read or selected just now stays
    this.#shown = written;
    this.#changes.hidden = !item.changes?.length;
    fill(this.#changes, el("h2", {}, "What would change"), (item.changes ?? []).map(change));
    this.#references.hidden = !item.references?.length;
    fill(this.#references, el("h2", {}, "References"), el("ul.references", {}, (item.references ?? []).map(reference)));
    fill(this.#recipe, el("h2", {}, "Recipe"), recipe(item));
  }
}

function recipe({recipe: settings, origins = {}}) {
  const names = Object.keys(settings ?? {});
  const ordered = [
    ...FIRST.filter((name) => names.includes(name)),
    ...names.filter((name) => !FIRST.includes(name)).sort(),
  ];
  return el(
    "table.recipe",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ["Setting", "Value", "From"].map((text) => el("th", {scope: "col"}, text)),
      ),
    ),
    el(
      "tbody",
      {},
      ordered.map((name) =>
        el(
          "tr",
          {},
          el("th", {scope: "row"}, spaced(name)),
          el("td", {class: name.includes("prompt") ? "text" : "numbers"}, shown(settings[name])),
          el("td.from", {}, origins[name] ?? ""),
        ),
      ),
    ),
  );
}

function change({field, old, new: now}) {
  const texts = typeof old === "string" && typeof now === "string" && old && now;
  const parts = texts ? difference(old, now) : {old: [[shown(old), false]], new: [[shown(now), false]]};
  const marked = (tag, runs) =>
    runs.map(([text, both]) => (both ? text : [el(tag, {}, text.trimEnd()), text.slice(text.trimEnd().length)]));
  return el(
    "dl.change",
    {},
    el("dt", {}, spaced(field)),
    el("dd", {}, el("span.which", {}, "now"), el("span", {}, marked("del", parts.old))),
    el("dd", {}, el("span.which", {}, "then"), el("span", {}, marked("ins", parts.new))),
  );
}

function reference({picture, path, task}) {
  const image = el("img", {src: picture, alt: "", loading: "lazy"});
  const text = task || path;
  return el("li", {}, task ? el("a", {href: to("image", task)}, image, text) : [image, el("span", {}, text)]);
}

const spaced = (name) => name.replaceAll("_", " ");

function shown(value) {
  if (value === null || value === undefined) return "not set";
  if (Array.isArray(value)) return value.map(shown).join("\n") || "none";
  if (typeof value !== "object") return String(value);
  if (value.name && value.strength !== undefined) return `${value.name} at ${value.strength}`;
  return Object.entries(value)
    .map(([key, one]) => `${spaced(key)}: ${shown(one)}`)
    .join("\n");
}
