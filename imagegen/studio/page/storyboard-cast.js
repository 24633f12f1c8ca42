// Which characters are in a sentence: boxes to tick, beside the button that opened them.

import {el, fill} from "./dom.js";

export class Cast {
  // `choose(id, characters)` saves what is ticked.
  constructor(choose) {
    this.list = el("div.cast-list");
    this.node = el(
      "div.cast",
      {popover: "auto", role: "dialog", "aria-label": "Characters of this sentence"},
      this.list,
    );
    this.choose = choose;
    this.node.addEventListener("toggle", (event) => event.newState === "closed" && this.closed());
    this.follow = () => this.place();
  }

  open(row, button, characters, manage) {
    if (!this.node.isConnected) document.body.append(this.node);
    this.button = button;
    this.row = row;
    const boxes = characters.map((one) => {
      const box = el("input", {type: "checkbox", checked: row.characters.includes(one.id), value: one.id});
      box.addEventListener("change", () => this.choose(row.id, this.ticked()));
      return el("label.cast-one", {}, box, one.name);
    });
    const more = el("button.plain.small", {type: "button", onclick: () => this.leaveFor(manage)}, "Manage characters…");
    fill(this.list, boxes.length ? boxes : el("p.muted.small", {}, "This project has no characters yet."), more);
    this.node.showPopover();
    button.setAttribute("aria-expanded", "true");
    this.place();
    addEventListener("scroll", this.follow, {passive: true});
    this.list.querySelector("input, button").focus({preventScroll: true});
  }

  ticked() {
    return [...this.list.querySelectorAll("input:checked")].map((box) => box.value);
  }

  leaveFor(manage) {
    this.node.hidePopover();
    manage();
  }

  place() {
    if (!this.button.isConnected) return this.node.hidePopover();
    const at = this.button.getBoundingClientRect();
    const below = innerHeight - at.bottom > this.node.offsetHeight + 8;
    const room = document.documentElement.clientWidth - this.node.offsetWidth - 8;
    this.node.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
    this.node.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - this.node.offsetHeight - 4)}px`;
  }

  closed() {
    removeEventListener("scroll", this.follow);
    this.button.setAttribute("aria-expanded", "false");
    if (this.node.contains(document.activeElement) || document.activeElement === document.body)
      this.button.focus({preventScroll: true});
  }

  leave() {
    if (this.node.matches(":popover-open")) this.node.hidePopover();
    this.node.remove();
  }
}
