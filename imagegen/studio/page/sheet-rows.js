// The rows of the contact sheet that are in the document, in their order.
//
//   const rows = new Rows(node);  rows.columns = 6;
//   rows.keep(new Set([0, 1, 2]), (row, isNew) => …)     row: {node, cells, number, first (place of its first cell)}
//   rows.cell(13);  for (const row of rows) …;  rows.clear()
//
// Rows that go out of view serve those that come into it.

import {el, set} from "./dom.js";
import {Cell} from "./sheet-cell.js";

export class Rows {
  #rows = new Map();
  #spare = [];
  #columns = 1;

  constructor(node) {
    this.node = node;
  }

  get columns() {
    return this.#columns;
  }

  set columns(columns) {
    if (columns === this.#columns) return;
    this.clear();
    this.#spare = [];
    this.#columns = columns;
  }

  [Symbol.iterator]() {
    return this.#rows.values();
  }

  cell(place) {
    return this.#rows.get(Math.floor(place / this.#columns))?.cells[place % this.#columns];
  }

  keep(numbers, show) {
    for (const [number, row] of this.#rows) if (!numbers.has(number)) this.#drop(number, row);
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const row = this.#rows.get(number);
      if (row) show(row, false);
      else this.#add(number, show);
    }
  }

  clear() {
    for (const [number, row] of this.#rows) this.#drop(number, row);
  }

  #add(number, show) {
    const row = this.#spare.pop() ?? this.#made();
    Object.assign(row, {number, first: number * this.#columns});
    set(row.node, {"aria-rowindex": number + 1});
    show(row, true);
    const after = [...this.#rows.values()].filter((one) => one.number > number).sort((a, b) => a.number - b.number)[0];
    this.node.insertBefore(row.node, after?.node ?? null);
    this.#rows.set(number, row);
  }

  #made() {
    const cells = Array.from({length: this.#columns}, (_, column) => new Cell(column, this.#columns));
    return {
      node: el(
        "div.grid-row",
        {role: "row"},
        cells.map((cell) => cell.node),
      ),
      cells,
    };
  }

  #drop(number, row) {
    for (const cell of row.cells) cell.release();
    row.node.remove();
    this.#rows.delete(number);
    this.#spare.push(row);
  }
}
