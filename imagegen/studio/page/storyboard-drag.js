// Moving a sentence with mouse, pen or finger: a line shows where it will stand, the page scrolls near its edges, Esc
// leaves everything as it was.

import {el} from "./dom.js";

const BEGINS = 5; // CSS pixels before a press becomes a drag
const EDGE = 90;
const FASTEST = 22;

export class Drag {
  // `drop(id, position)`: the 0-based place the row shall have.
  constructor(list, drop) {
    Object.assign(this, {list, drop});
    this.line = el("div.board-line", {"aria-hidden": "true", hidden: true});
    this.chip = el("div.board-chip", {"aria-hidden": "true", hidden: true});
    list.node.after(this.line, this.chip);
  }

  grab(row, event) {
    if (event.button !== 0 || this.row) return;
    this.row = row;
    this.y = this.start = event.clientY;
    this.x = event.clientX;
    this.moving = false;
    const ending = new AbortController();
    this.ending = ending;
    const on = (type, fn) => addEventListener(type, fn, {signal: ending.signal, capture: true});
    event.target.setPointerCapture?.(event.pointerId);
    on("pointermove", (moved) => moved.pointerId === event.pointerId && this.moved(moved));
    on("pointerup", (up) => up.pointerId === event.pointerId && this.end(true));
    on("pointercancel", () => this.end(false));
    on("blur", (left) => left.target === window && this.end(false));
    on("keydown", (key) => {
      if (key.key !== "Escape") return;
      key.stopPropagation();
      this.end(false);
    });
  }

  moved(event) {
    this.y = event.clientY;
    this.x = event.clientX;
    if (!this.moving && Math.abs(this.y - this.start) < BEGINS) return;
    event.preventDefault();
    if (!this.moving) this.begin();
    this.show();
  }

  begin() {
    this.moving = true;
    this.list.hold(this.row.id);
    this.list.node.classList.add("dragging");
    this.list.viewOf(this.row.id)?.node.classList.add("dragged");
    this.chip.textContent = this.row.text || this.row.image_prompt || this.row.name;
    this.chip.hidden = this.line.hidden = false;
    this.roll();
  }

  // The gap that is meant: before the row of this number, in the order as it is.
  gap() {
    const distance = this.y - this.list.node.getBoundingClientRect().top;
    const heights = this.list.heights;
    const index = heights.at(distance);
    return distance > (heights.top(index) + heights.top(index + 1)) / 2 ? index + 1 : index;
  }

  show() {
    const box = this.list.node.getBoundingClientRect();
    this.line.style.top = `${box.top + this.list.heights.top(this.gap())}px`;
    this.line.style.left = `${box.left}px`;
    this.line.style.width = `${box.width}px`;
    this.chip.style.left = `${Math.min(this.x + 14, innerWidth - this.chip.offsetWidth - 8)}px`;
    this.chip.style.top = `${this.y + 10}px`;
  }

  roll() {
    if (!this.moving) return;
    const top = this.list.covered() + EDGE - this.y;
    const bottom = this.y - (innerHeight - EDGE);
    const speed = top > 0 ? -top : bottom > 0 ? bottom : 0;
    if (speed) {
      scrollBy({top: Math.sign(speed) * Math.min(FASTEST, Math.ceil(Math.abs(speed) / 4)), behavior: "instant"});
      this.show();
    }
    requestAnimationFrame(() => this.roll());
  }

  end(dropped) {
    this.ending.abort();
    const {row, moving} = this;
    const gap = moving ? this.gap() : 0;
    this.row = null;
    this.moving = false;
    this.line.hidden = this.chip.hidden = true;
    if (!moving) return;
    const notAClick = (click) => click.stopPropagation();
    addEventListener("click", notAClick, {capture: true, once: true});
    setTimeout(() => removeEventListener("click", notAClick, {capture: true}));
    this.list.hold(null);
    this.list.node.classList.remove("dragging");
    this.list.viewOf(row.id)?.node.classList.remove("dragged");
    const from = this.list.rows.indexOf(row.id);
    const position = gap > from ? gap - 1 : gap;
    if (dropped && from >= 0 && position !== from) this.drop(row.id, position);
    else this.list.soon();
  }
}
