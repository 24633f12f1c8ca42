// A list of thousands of rows of which only those in sight are in the document. The page itself scrolls. What stands
// first in sight stays where it is when rows above it grow, come or go; a row that has the focus stays in the document
// wherever the page is scrolled to.

import {Heights} from "./storyboard-heights.js";
import {Shown} from "./storyboard-shown.js";

const BEYOND = 600; // CSS pixels above and below the window that are kept ready
const GUESS = 260;

export class LongList {
  // `rows` are the Rows; `make` and `missed` as in Shown; `covered()`: how much lies over the window's upper edge.
  constructor(node, rows, {make, covered, missed}) {
    Object.assign(this, {node, rows, covered});
    this.heights = new Heights(GUESS);
    this.anchor = null;
    this.width = 0;
    this.settled = false;
    this.frame = 0;
    this.sizes = new ResizeObserver((entries) => this.measured(entries));
    this.sizes.observe(node);
    this.shown = new Shown(node, rows, {make, missed, sizes: this.sizes});
    this.place = -1;
    this.seen = () => this.soon();
    addEventListener("scroll", this.seen, {passive: true});
    addEventListener("resize", this.seen);
  }

  close() {
    removeEventListener("scroll", this.seen);
    removeEventListener("resize", this.seen);
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
  }

  soon() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
  }

  // Where the window's upper edge (below what covers it) lies in the list.
  edge() {
    return this.covered() - this.node.getBoundingClientRect().top;
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.heights.resize(this.rows.total);
    if (Math.abs(scrollY - this.place) > 1) this.anchor = null; // the user has scrolled
    this.anchor ??= this.found();
    // Rows that come into sight are measured, which may move what is held once more.
    for (let turn = 0; turn < 4; turn += 1) {
      this.node.style.height = `${this.heights.total}px`;
      if (!this.pull() && turn) break;
      this.lay();
    }
    this.place = scrollY;
  }

  // Where the user is, to come back to: returnTo(whereabouts()) in another list of the same rows.
  whereabouts() {
    const here = this.found();
    return here && {...here, index: this.rows.indexOf(here.id), guess: this.heights.mean()};
  }

  returnTo({id, index, below, guess}) {
    const now = this.rows.indexOf(id);
    this.heights.guess = guess;
    this.heights.resize(this.rows.total);
    const row = this.rows.at(now >= 0 ? now : Math.min(index, this.rows.total - 1));
    this.settled = true;
    this.place = scrollY;
    this.anchor = row ? {id: row.id, below} : null;
    this.render();
  }

  // Scrolls so that the row that is held stands where it stood; says whether that was needed.
  pull() {
    const index = this.anchor ? this.rows.indexOf(this.anchor.id) : -1;
    const shift = index < 0 ? 0 : this.heights.top(index) - this.anchor.below - this.edge();
    if (Math.abs(shift) < 1) return false;
    scrollBy({top: shift, behavior: "instant"});
    return true;
  }

  // The row that stands first in sight, and how far it lies below the edge. At the list's beginning nothing is held.
  found() {
    const edge = this.edge();
    if (edge <= 0 || !this.rows.total) return null;
    const index = this.heights.at(edge);
    const row = this.rows.at(index);
    return row ? {id: row.id, below: this.heights.top(index) - edge} : null;
  }

  lay() {
    const edge = this.edge();
    const first = this.heights.at(edge - BEYOND);
    const end = this.rows.total ? this.heights.at(edge + innerHeight + BEYOND) + 1 : 0;
    this.rows.need(first, end);
    const wanted = this.shown.bring(first, end, this.heights.heights);
    this.measure(wanted);
    this.node.style.height = `${this.heights.total}px`;
    for (const shown of wanted) shown.node.style.top = `${this.heights.top(shown.index)}px`;
  }

  // Draws all that is shown anew, as what they are drawn from has changed besides the rows.
  redraw() {
    this.shown.drawing += 1;
    this.soon();
  }

  // Only a row that has just come is measured here; the observer tells when one of them grows.
  measure(wanted) {
    const views = wanted.filter(({id}) => id);
    for (const view of views) view.height ??= view.node.offsetHeight;
    for (const view of views) this.heights.set(view.index, view.height);
    if (views.length && !this.settled) {
      this.settled = true;
      this.heights.settle();
    }
  }

  measured(entries) {
    const before = this.heights.total;
    for (const {target, contentRect} of entries) {
      if (target !== this.node || contentRect.width === this.width) continue;
      this.width = contentRect.width;
      this.heights.forget();
      this.settled = false;
      for (const view of this.shown.views.values()) view.height = undefined;
    }
    for (const view of this.shown.views.values()) {
      if (!entries.some(({target}) => target === view.node)) continue;
      view.height = view.node.offsetHeight;
      this.heights.set(view.index, view.height);
    }
    if (this.heights.total !== before) this.render();
  }

  viewOf(id) {
    return this.shown.views.get(id);
  }

  // This row stays in the document until another, or null, is held.
  hold(id) {
    this.shown.held = id;
  }

  // Scrolls as little as is needed to see a row whole.
  reveal(index) {
    const edge = this.edge();
    const top = this.heights.top(index);
    const bottom = this.heights.top(index + 1);
    const room = innerHeight - this.covered();
    const shift = top < edge ? top - edge : Math.max(0, Math.min(bottom - edge - room, top - edge));
    if (shift) scrollBy({top: shift, behavior: "instant"});
    this.anchor = null;
    this.render();
  }
}
