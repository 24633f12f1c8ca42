// The contact sheet's grid: only the rows that are seen (and one more each way) are in the document.
//
//   const grid = new Grid({open, select, range, isSelected, showJob});
//   main.append(grid.node);  grid.use(list);  grid.refresh();  grid.update(tasks);  grid.focus(place)
//
// The window scrolls; the grid has the height of all its rows. One cell is in the tab order; the row that holds the
// focus stays in the document wherever it is.

import {el, paced, set, settled} from "./dom.js";
import {announce} from "./notices.js";
import {step} from "./sheet-moves.js";
import {Rows} from "./sheet-rows.js";
import {GAP, rowsBetween, shapeOf} from "./sheet-shape.js";

const MARGIN = 1; // rows beyond those that are seen, each way

export class Grid {
  #rows;
  #current = 0; // the place in the tab order
  #task = null; // what stands there
  #rowHeight = 300;
  #frame = 0;
  #drawn = [0, 0]; // the first and the last place in the document
  #want = paced(() => this.#list.want(...this.#drawn), 80);
  #wantLater = settled(() => this.#list.want(...this.#drawn), 100);
  #list = null;
  #size = "medium";
  #ratio = null;

  constructor(actions) {
    this.actions = actions;
    this.node = el("div.grid", {role: "grid", "aria-label": "Images", "aria-multiselectable": "true"});
    this.#rows = new Rows(this.node);
    this.node.addEventListener("keydown", (event) => this.#pressed(event));
    this.node.addEventListener("click", (event) => this.#clicked(event));
    this.node.addEventListener("focusin", (event) => this.#entered(event));
    this.draw = this.draw.bind(this);
    addEventListener("scroll", this.draw, {passive: true});
    this.observer = new ResizeObserver(() => this.#lay());
    this.observer.observe(this.node);
  }

  leave() {
    removeEventListener("scroll", this.draw);
    this.observer.disconnect();
    this.#want.cancel();
    this.#wantLater.cancel();
    cancelAnimationFrame(this.#frame);
    this.#rows.clear();
  }

  get #columns() {
    return this.#rows.columns;
  }

  get current() {
    return this.#current;
  }

  use(list) {
    this.#list = list;
    this.#current = 0;
    this.#task = null;
    this.node.classList.toggle("unknown", this.#ratio === null && list.ratio === null);
    this.#rows.clear();
    this.#lay();
  }

  resize(size) {
    this.#size = size;
    this.#lay(true);
  }

  // Everything that is in the document is written again, and rows that came into view are added.
  refresh() {
    if (!this.#list) return;
    if (this.#list.ratio && this.#list.ratio !== this.#ratio) {
      this.#ratio = this.#list.ratio;
      this.node.classList.remove("unknown");
      return this.#lay(true);
    }
    set(this.node, {"aria-rowcount": this.#rowCount(), "aria-colcount": this.#columns});
    this.node.style.setProperty("height", `${Math.max(0, this.#rowCount() * this.#rowHeight - GAP)}px`);
    const moved = this.#list.cardOf(this.#task) && this.#list.placeOf(this.#task) !== this.#current;
    const focused = this.#rows.cell(this.#current)?.node.contains(document.activeElement);
    if (moved) this.#current = this.#list.placeOf(this.#task);
    this.#current = Math.max(0, Math.min(this.#current, (this.#list.total ?? 1) - 1));
    this.#drawNow(true);
    this.#task = this.#list.at(this.#current)?.task ?? this.#task;
    if (focused) this.#rows.cell(this.#current).node.focus({preventScroll: true});
  }

  update(tasks) {
    const wanted = tasks && new Set(tasks);
    for (const {cells, first} of this.#rows) {
      cells.forEach((cell, column) => {
        if (cell.card && (!wanted || wanted.has(cell.card.task))) this.#show(cell, first + column);
      });
    }
  }

  draw() {
    if (!this.#frame) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#drawNow(false);
      });
    }
  }

  // Brings a place into view and, unless told otherwise, the focus to it.
  focus(place, takeFocus = true) {
    this.#current = place;
    this.#task = this.#list.at(place)?.task ?? null;
    this.#drawNow(false);
    const cell = this.#rows.cell(place);
    if (!cell) return;
    for (const one of this.node.querySelectorAll('[tabindex="0"]')) if (one !== cell.node) one.tabIndex = -1;
    cell.node.tabIndex = 0;
    if (takeFocus) cell.node.focus({preventScroll: true});
    if (place < this.#columns) scrollTo(0, 0);
    else cell.node.scrollIntoView({block: "nearest"});
  }

  // Scrolls so that a place stands at the top, some pixels down.
  scrollTo(place, pixels = 0) {
    const top = this.node.getBoundingClientRect().top + scrollY;
    scrollTo(0, Math.floor(place / this.#columns) * this.#rowHeight + top - this.#covered() - pixels);
    this.#drawNow(false);
  }

  // How the window stands: a place, and how far its row is from the top of what is seen.
  get stand() {
    const row = this.#firstRow();
    const pixels = this.node.getBoundingClientRect().top + row * this.#rowHeight - this.#covered();
    return {place: row * this.#columns, pixels: scrollY === 0 ? null : pixels, current: this.#current};
  }

  #lay(keep = false) {
    const width = this.node.clientWidth;
    if (!this.#list || !width) return;
    const text = parseFloat(getComputedStyle(this.node).getPropertyValue("--cell-text")) * rem();
    const {columns, rowHeight} = shapeOf({width, size: this.#size, ratio: this.#ratio, text});
    const stand = (keep || columns !== this.#rows.columns) && this.stand;
    this.#rows.columns = columns;
    this.#rowHeight = rowHeight;
    this.node.style.setProperty("--columns", columns);
    this.node.style.setProperty("--row-height", `${rowHeight - GAP}px`);
    this.refresh();
    if (stand && stand.pixels !== null) this.scrollTo(stand.place, stand.pixels);
  }

  #rowCount() {
    return Math.ceil((this.#list?.total ?? this.#columns * 6) / this.#columns);
  }

  #covered() {
    return parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  }

  #firstRow() {
    return Math.max(0, Math.floor((this.#covered() - this.node.getBoundingClientRect().top) / this.#rowHeight));
  }

  #drawNow(again) {
    if (!this.#list) return;
    const {top} = this.node.getBoundingClientRect();
    const [from, to] = rowsBetween(this.#covered() - top, innerHeight - top, {
      rowHeight: this.#rowHeight,
      count: this.#rowCount(),
      margin: MARGIN,
    });
    const wanted = new Set(Array.from({length: Math.max(0, to - from + 1)}, (_, index) => from + index));
    if (this.#list.total !== 0) wanted.add(Math.floor(this.#current / this.#columns));
    this.#rows.keep(wanted, (row, isNew) => (isNew || again) && this.#showRow(row));
    this.#ask([from * this.#columns, (to + 1) * this.#columns - 1]);
  }

  // What goes by too fast to be seen is not fetched.
  #ask(drawn) {
    const [first, last] = this.#drawn;
    this.#drawn = drawn;
    if (drawn[0] > last || drawn[1] < first) this.#wantLater();
    else this.#want();
  }

  #showRow(row) {
    row.node.style.setProperty("transform", `translateY(${row.number * this.#rowHeight}px)`);
    row.cells.forEach((cell, column) => this.#show(cell, row.first + column));
  }

  #show(cell, place) {
    cell.node.hidden = this.#list.total !== null && place >= this.#list.total;
    cell.node.dataset.place = place;
    cell.node.tabIndex = place === this.#current ? 0 : -1;
    const card = this.#list.at(place);
    const came = card && !cell.card && cell.node === document.activeElement;
    cell.show(card, Boolean(card) && this.actions.isSelected(card.task), this.actions.showJob());
    if (came) announce(cell.node.getAttribute("aria-label"));
  }

  #entered(event) {
    const place = placeOf(event.target);
    if (place !== undefined && place !== this.#current) {
      const before = this.#rows.cell(this.#current);
      if (before) before.node.tabIndex = -1;
      this.#current = place;
      this.#task = this.#list.at(place)?.task ?? null;
      this.#rows.cell(place).node.tabIndex = 0;
    }
  }

  #clicked(event) {
    const place = placeOf(event.target);
    const card = place === undefined ? undefined : this.#list.at(place);
    if (!card || event.ctrlKey || event.metaKey) return;
    if (event.target.matches(".cell-check")) {
      event.stopPropagation();
      if (event.shiftKey) this.actions.range(this.#current, place, event.target.checked);
      else this.actions.select(card.task);
      this.#rows.cell(place).node.focus({preventScroll: true});
    } else if (!event.target.closest("a") && event.button === 0 && !String(getSelection()))
      this.actions.open(card.task);
  }

  #pressed(event) {
    if (event.altKey || event.isComposing) return;
    const place = this.#current;
    const card = this.#list.at(place);
    const next = step(event, place, {columns: this.#columns, total: this.#list.total ?? 0, page: this.#page()});
    if (next !== undefined) {
      if (event.shiftKey) this.actions.range(place, next, true);
      this.focus(next);
    } else if (event.key === "Enter" && card && !event.ctrlKey) this.actions.open(card.task);
    else if (event.key === " " && card) this.actions.select(card.task);
    else return;
    event.preventDefault();
  }

  #page() {
    return Math.max(1, Math.floor((innerHeight - this.#covered()) / this.#rowHeight)) * this.#columns;
  }
}

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

function placeOf(target) {
  const cell = target.closest?.(".cell");
  return cell ? Number(cell.dataset.place) : undefined;
}
