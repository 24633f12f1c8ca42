// The rows of a long list that are in the document: made, kept in order and taken away again.

import {el} from "./dom.js";

export class Shown {
  // `rows` are the Rows; `make(row)` answers a view: {node, show(row, index, total)}; `missed(id)` is called for a row
  // that has the focus and whose place is not known any more; `sizes` is the observer of the rows' heights.
  constructor(node, rows, {make, missed, sizes}) {
    Object.assign(this, {node, rows, make, missed, sizes});
    this.views = new Map();
    this.holes = new Map();
    this.held = null;
    this.drawing = 0;
  }

  // Brings rows first … end into the document, and takes away the others but for one that is held or has the focus.
  // Answers them in order: views with `id` and `index`, and holes for rows that are still to be fetched.
  bring(first, end, heights) {
    const wanted = [];
    for (let index = first; index < end; index += 1) {
      wanted.push(this.rows.at(index) ? this.view(index) : this.hole(index, heights[index]));
    }
    this.keep(wanted);
    wanted.sort((one, other) => one.index - other.index);
    if (wanted.length) this.arrange(wanted);
    return wanted;
  }

  view(index) {
    const row = this.rows.at(index);
    let view = this.views.get(row.id);
    if (!view) {
      view = this.make(row);
      view.id = row.id;
      this.views.set(row.id, view);
      this.sizes.observe(view.node);
    }
    this.refresh(view, row, index);
    return view;
  }

  // Draws a row again where it or its place is another, or all of them are to be drawn (`drawing` was raised).
  refresh(view, row, index) {
    const {total} = this.rows;
    const {drawing} = this;
    const {shown} = view;
    view.index = index;
    if (shown?.row === row && shown.index === index && shown.total === total && shown.drawing === drawing) return;
    view.shown = {row, index, total, drawing};
    view.show(row, index, total);
  }

  hole(index, height) {
    let hole = this.holes.get(index);
    if (!hole) {
      hole = {node: el("li.board-hole", {"aria-hidden": "true"}, el("div.skeleton"), el("div.skeleton")), index};
      this.holes.set(index, hole);
    }
    hole.node.style.height = `${height}px`;
    return hole;
  }

  keep(wanted) {
    const kept = new Set(wanted);
    for (const [id, view] of this.views) {
      if (kept.has(view)) continue;
      const row = this.rows.get(id);
      const needed = view.node.contains(document.activeElement) || this.held === id;
      if (needed && row) {
        this.refresh(view, row, this.placeOf(id, view));
        wanted.push(view);
      } else {
        this.sizes.unobserve(view.node);
        view.node.remove();
        view.leave();
        this.views.delete(id);
      }
    }
    for (const [index, hole] of this.holes) {
      if (kept.has(hole)) continue;
      hole.node.remove();
      this.holes.delete(index);
    }
  }

  placeOf(id, view) {
    const index = this.rows.indexOf(id);
    if (index >= 0) return index;
    this.missed(id);
    return Math.max(0, Math.min(view.index, this.rows.total - 1));
  }

  // Brings the document into the rows' order without moving the one that has the focus: a moved element loses it.
  arrange(wanted) {
    const focused = wanted.findIndex(({node}) => node.contains(document.activeElement));
    const fixed = Math.max(0, focused);
    if (wanted[fixed].node.parentNode !== this.node) this.node.append(wanted[fixed].node);
    for (let at = fixed + 1; at < wanted.length; at += 1) {
      const before = wanted[at - 1].node;
      if (before.nextSibling !== wanted[at].node) this.node.insertBefore(wanted[at].node, before.nextSibling);
    }
    for (let at = fixed - 1; at >= 0; at -= 1) {
      const after = wanted[at + 1].node;
      if (after.previousSibling !== wanted[at].node) this.node.insertBefore(wanted[at].node, after);
    }
  }
}
