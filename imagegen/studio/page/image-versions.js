// The strip of what the current picture can be compared with: a candidate, previous versions.
//
//   const strip = new Versions((choice) => …, (number) => restore…);   choice: "candidate" or a version's number
//   strip.show(item, choice, busy)

import {seedText} from "./card.js";
import {el, fill, keepingFocus, set} from "./dom.js";

export class Versions {
  #list = el("ul.strip");
  #restore = el("button", {type: "button"});
  #shown = "";
  #buttons = new Map();
  #choice = null;
  #busy = false;

  constructor(chosen, restore) {
    this.chosen = chosen;
    this.#restore.addEventListener("click", () => this.#busy || restore(this.#choice));
    this.node = el(
      "section.versions",
      {"aria-label": "Versions to compare with"},
      el("h2", {}, "Compare with"),
      this.#list,
      this.#restore,
    );
  }

  show(item, choice, busy) {
    this.#choice = choice;
    this.#busy = busy;
    const versions = [...(item.candidate ? [{...item.candidate, number: "candidate"}] : []), ...item.previous];
    const written = JSON.stringify(versions);
    keepingFocus(this.node, () => {
      if (written !== this.#shown) this.#build(versions);
      this.#shown = written;
      this.node.hidden = versions.length === 0;
      for (const [number, button] of this.#buttons) set(button, {"aria-pressed": String(number === choice)});
      set(this.#restore, {hidden: typeof choice !== "number", "aria-disabled": String(busy)});
      this.#restore.textContent = `Restore version ${choice}`;
    });
  }

  #build(versions) {
    this.#buttons.clear();
    fill(
      this.#list,
      versions.map((version) => {
        const {number} = version;
        const label = number === "candidate" ? "Candidate" : `Version ${number}`;
        const button = el(
          "button.version",
          {type: "button", onclick: () => this.chosen(number)},
          el("img", {src: version.thumbnail, alt: "", loading: "lazy"}),
          el("span", {}, label),
          el("span.muted.numbers", {}, seedText(version.seed)),
        );
        this.#buttons.set(number, button);
        return el("li", {}, button);
      }),
    );
  }
}
