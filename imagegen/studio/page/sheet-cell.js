// One cell of the contact sheet. It keeps its nodes and changes only what differs.

import {bar, mark, picture, reasonText, seedText, shape, showText, stepText, thumbnails} from "./card.js";
import {el, set, write} from "./dom.js";
import {live} from "./live.js";
import {to} from "./router.js";

export class Cell {
  #image;
  #bar = null;
  #check = el("input.cell-check", {type: "checkbox", tabindex: "-1"});
  #link = el("a.cell-picture", {tabindex: "-1", draggable: "false"});
  #name = el("p.cell-name");
  #state = el("p.cell-state");
  #why = el("span.cell-why");
  #seed = el("span.numbers");
  #backend = el("span");
  #about = el("p.cell-about", {}, this.#seed, this.#backend);
  #blank = el("span.cell-blank", {hidden: true});
  #shownState = "";
  #isEmpty = false;
  card = undefined;

  constructor(column, columns) {
    this.#image = picture("picture", `${Math.ceil(100 / columns)}vw`);
    this.#link.append(this.#blank, this.#image.node);
    this.node = el(
      "div.cell",
      {role: "gridcell", tabindex: "-1", "aria-colindex": column + 1},
      this.#link,
      this.#check,
      el("div.cell-text", {}, this.#name, this.#state, this.#about),
    );
  }

  // Shows a card; undefined: a place whose card is still to come.
  show(card, selected, showJob) {
    this.card = card;
    this.node.classList.toggle("waiting", !card);
    if (!card) return this.#empty();
    this.#isEmpty = false;
    const message = live.of(card.task) ?? (live.connected ? undefined : busyCard(card));
    const state = message?.status ?? (card.status === "failed" ? "failed" : card.state);
    this.node.dataset.state = state;
    set(this.#link, {href: to("image", card.task), "aria-hidden": "true"});
    if (message?.preview) this.#image.show(message.preview);
    else this.#image.show(card.thumbnail, thumbnails(card));
    showText(this.#name, card.name);
    this.#showState(state, message ? shortStep(message) : reasonText(card));
    this.#showBlank(state, !message?.preview && !card.thumbnail);
    showText(this.#seed, seedText(card.seed));
    write(this.#backend, card.backend);
    this.#about.title = [seedText(card.seed), card.backend, showJob && card.job].filter(Boolean).join(" · ");
    this.#showBar(message);
    this.#check.checked = selected;
    set(this.#check, {"aria-label": `Select ${card.name}`});
    set(this.node, {"aria-selected": String(selected), "aria-label": spoken(card, state, message)});
  }

  release() {
    this.#image.show(null); // a picture on its way is given up
  }

  #empty() {
    if (this.#isEmpty) return; // most are, when much goes by quickly
    this.#isEmpty = true;
    this.#image.show(null);
    this.#showBar(undefined);
    this.#state.replaceChildren();
    this.#shownState = "";
    this.#blank.hidden = true;
    for (const node of [this.#name, this.#seed, this.#backend]) write(node, "");
    this.#name.title = "";
    this.#check.checked = false;
    delete this.node.dataset.state;
    set(this.#link, {href: null});
    set(this.node, {"aria-selected": "false", "aria-label": "Loading"});
  }

  #showState(state, why) {
    if (this.#shownState !== state) {
      this.#state.replaceChildren(mark(state), " ", this.#why);
      this.#blank.replaceChildren(shape(state));
      this.#shownState = state;
    }
    showText(this.#why, why);
  }

  #showBlank(state, blank) {
    this.#blank.hidden = !blank;
    this.#blank.dataset.state = state;
  }

  #showBar(message) {
    if (message && !this.#bar) {
      this.#bar = bar(this.card.name);
      this.#link.append(this.#bar.node);
    } else if (!message && this.#bar) {
      this.#bar.node.remove();
      this.#bar = null;
    }
    this.#bar?.show(message);
  }
}

const busyCard = (card) => (["queued", "generating"].includes(card.status) ? card : undefined);

// What fits into a line; the state's own word says the rest.
function shortStep(message) {
  if (message.steps) return `${message.step} of ${message.steps}`;
  return message.status === "queued" ? stepText(message) : "";
}

function spoken(card, state, message) {
  const why = message ? stepText(message) : reasonText(card);
  return [card.name, why ? `${state}: ${why}` : state, seedText(card.seed), card.backend].join(", ");
}
