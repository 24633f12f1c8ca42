// What can be done with one image. Buttons stay the same nodes, so the focus stays where it is.
//
//   const actions = new Actions(task, (item) => …);   the new detail, where the server answered with one
//   actions.show(item, message)                       message: the latest progress message, or undefined

import {path, send} from "./api.js";
import {bar, meaning, mark, stepText} from "./card.js";
import {cancel, make} from "./building.js";
import {ask} from "./dialog.js";
import {el, fill, keepingFocus, set, write} from "./dom.js";
import {live} from "./live.js";
import {fail, tell} from "./notices.js";
import {to} from "./router.js";

const LARGEST = 2n ** 64n - 1n;

export class Actions {
  #state = el("p.now");
  #meaning = el("p.muted.small");
  #reasons = el("ul.reasons");
  #bar;
  #candidate = el("div.candidate", {role: "group", "aria-label": "Candidate"});
  #keep = el("button.primary", {type: "button"}, "Keep it");
  #discard = el("button", {type: "button"}, "Discard it");
  #make = el("button.primary", {type: "button"}, "Make it");
  #adopt = el("button", {type: "button"}, "Adopt the picture");
  #cancel = el("button", {type: "button"}, "Cancel");
  #another = el("button", {type: "button"}, "Try another seed");
  #seed = el("input", {
    type: "text",
    inputmode: "numeric",
    placeholder: "any seed",
    "aria-label": "Seed to try, empty for any",
    size: "12",
    autocomplete: "off",
    "aria-describedby": "seed-wrong",
  });
  #wrong = el("p.seed-wrong", {id: "seed-wrong", role: "alert"});
  #board = el("a", {hidden: true}, "Show in the storyboard");

  constructor(task, taken) {
    this.task = task;
    this.taken = taken;
    this.#bar = bar(task);
    const on = (button, work) => button.addEventListener("click", () => this.#run(button, work));
    on(this.#make, () => make([task]));
    on(this.#cancel, () => cancel([task]));
    on(this.#keep, () =>
      this.#ask("POST", path`/api/items/${task}/candidate/keep`, "Kept; the picture before is under its versions"),
    );
    on(this.#discard, () => this.#ask("DELETE", path`/api/items/${task}/candidate`, "Discarded"));
    on(this.#adopt, () => this.#adoptIt());
    on(this.#another, () => this.#tryAnother());
    this.#seed.addEventListener("keydown", (event) => event.key === "Enter" && this.#another.click());
    fill(this.#candidate, el("p", {}), el("div.buttons", {}, this.#keep, this.#discard));
    this.node = el(
      "section.panel.actions-panel",
      {"aria-label": "State and actions"},
      el("div", {}, this.#state, this.#meaning),
      this.#bar.node,
      this.#reasons,
      this.#candidate,
      el("div.buttons", {}, this.#make, this.#adopt, this.#cancel),
      el("div.another", {}, this.#another, this.#seed, this.#wrong),
      this.#board,
    );
  }

  show(item, message) {
    const own = live.own(this.task);
    const atWork = own || message?.status === "generating";
    const state = message?.status ?? (item.status === "failed" ? "failed" : item.state);
    const guarded = ["edited", "foreign"].includes(item.state);
    keepingFocus(this.node, () => {
      this.#showState(state, item, message);
      this.#bar.node.hidden = !message;
      this.#bar.show(message);
      this.#candidate.hidden = !item.candidate || Boolean(message);
      write(
        this.#candidate.firstElementChild,
        `A candidate with seed ${item.candidate?.seed} stands beside the current picture.`,
      );
      this.#make.hidden = atWork || !["missing", "stale"].includes(item.state);
      write(this.#make, item.state === "stale" ? "Make it again" : "Make it");
      this.#adopt.hidden = Boolean(message) || !guarded;
      this.#cancel.hidden = !own;
      set(this.#another, {"aria-disabled": String(atWork)});
      set(this.#seed, {readonly: atWork});
      set(this.#board, {
        hidden: !item.sentence,
        href: item.sentence ? to("storyboard", item.sentence.projectId) : null,
      });
    });
  }

  #showState(state, item, message) {
    if (this.#state.dataset.state !== state) fill(this.#state, mark(state), el("span.muted.numbers"));
    this.#state.dataset.state = state;
    write(this.#state.lastElementChild, message ? stepText(message) : "");
    const means = [state === "failed" ? meaning(state) : "", meaning(item.state)];
    write(this.#meaning, message ? "" : means.filter(Boolean).join(" "));
    const lines = told(item, message);
    if (this.#reasons.textContent !== lines.join(""))
      fill(
        this.#reasons,
        lines.map((line) => el("li", {}, line)),
      );
  }

  async #run(button, work) {
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  async #ask(method, address, done, body) {
    try {
      const item = await send(method, address, body);
      tell(done);
      if (item?.task) this.taken(item);
      return true;
    } catch (error) {
      fail(error);
      return false;
    }
  }

  async #adoptIt() {
    const body = "It is accepted for the present recipe as it is, and reads fresh from then on. No image is made.";
    if (await ask({title: "Adopt this picture?", body, confirm: "Adopt"})) {
      await this.#ask("POST", path`/api/items/${this.task}/adopt`, "Adopted");
    }
  }

  async #tryAnother() {
    if (this.#another.getAttribute("aria-disabled") === "true") return tell("It is being made just now");
    const text = this.#seed.value.trim();
    const seed = /^\d+$/.test(text) && BigInt(text) <= LARGEST;
    set(this.#seed, {"aria-invalid": text && !seed ? "true" : null});
    write(this.#wrong, text && !seed ? `A seed is a whole number from 0 to ${LARGEST}.` : "");
    if (text && !seed) return this.#seed.focus();
    const number = Number(text);
    const body = text ? {seed: Number.isSafeInteger(number) ? number : text} : {};
    const done = "Trying another seed; the picture stays until you keep the candidate";
    if (await this.#ask("POST", path`/api/items/${this.task}/candidate`, done, body)) this.#seed.value = "";
  }

  async restore(number) {
    const body =
      "The present picture is kept among the versions, and the restored one is accepted for the present recipe.";
    if (await ask({title: `Restore version ${number}?`, body, confirm: "Restore"})) {
      await this.#ask("POST", path`/api/items/${this.task}/restore`, `Version ${number} restored`, {number});
    }
  }
}

// Why it stands as it does, where nothing else on the page says so.
function told(item, message) {
  if (message) return [];
  if (item.error) return [item.error, item.hint].filter(Boolean);
  return item.changes?.length || item.state === "missing" ? [] : item.reasons;
}
