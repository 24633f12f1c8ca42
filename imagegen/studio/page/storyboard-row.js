// One sentence: its picture, its words, how it stands, and what can be done with it.

import {mark} from "./card.js";
import {drawing, el, fill, set, write} from "./dom.js";
import {live} from "./live.js";
import {canGenerate, condition, taskOf} from "./storyboard-condition.js";
import {Field} from "./storyboard-field.js";
import {Shot} from "./storyboard-shot.js";

const GRIP = "M6 3v.1M10 3v.1M6 8v.1M10 8v.1M6 13v.1M10 13v.1";
const UP = "M8 13V3M4 7l4-4 4 4";
const DOWN = "M8 3v10M4 9l4 4 4-4";
const PLUS = "M8 3v10M3 8h10";
const BIN = "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 9h6l.5-9";

export class Row {
  // `deeds`: generate, cancel, shift (by one), place (asks where to), grab, add, remove, cast; all take the id first.
  constructor(id, {drafts, board, deeds}) {
    Object.assign(this, {id, drafts, board, deeds});
    const make = () => deeds.generate(id);
    this.shot = new Shot();
    this.fields = [
      new Field("text", drafts, make),
      new Field("image_prompt", drafts, make, {placeholder: "Empty: the sentence itself is the prompt"}),
    ];
    this.seed = new Field("seed", drafts, make);
    this.number = el("span.numbers");
    this.name = el("span.muted.small.board-name");
    this.verdict = el("span.board-verdict");
    this.dirty = el(
      "span.board-dirty.small",
      {title: "What decides the picture was changed since it was made."},
      "dirty",
    );
    this.why = el("p.board-why.small");
    this.todo = el("p.board-todo.small");
    this.cast = el("button.plain.board-cast", {
      type: "button",
      "aria-haspopup": "dialog",
      onclick: () => deeds.cast(id, this.cast),
    });
    this.go = el("button", {type: "button", onclick: make}, "Generate");
    this.stop = el("button", {type: "button", onclick: () => deeds.cancel(id)}, "Cancel");
    this.grip = this.tool("Move", GRIP, {class: "board-grip", "aria-describedby": "board-grip-help"});
    this.up = this.tool("Move up", UP, {onclick: () => deeds.shift(id, -1)});
    this.down = this.tool("Move down", DOWN, {onclick: () => deeds.shift(id, 1)});
    this.tools = [
      this.tool("Add a sentence after", PLUS, {onclick: () => deeds.add(id)}),
      this.up,
      this.down,
      this.tool("Delete", BIN, {onclick: () => deeds.remove(id)}),
    ];
    this.node = el(
      "li.board-row",
      {},
      this.grip,
      this.shot.node,
      el(
        "div.board-words",
        {},
        el(
          "div.board-head",
          {},
          el("h2.board-number", {}, el("span.unseen", {}, "Sentence "), this.number),
          this.name,
          this.verdict,
          this.dirty,
          el("div.board-tools", {}, this.tools),
        ),
        el(
          "div.board-texts",
          {},
          this.fields.map(({node}) => node),
        ),
        this.why,
        this.todo,
        el("div.board-foot", {}, this.seed.node, this.cast, el("div.board-go", {}, this.stop, this.go)),
      ),
    );
    this.grip.addEventListener("click", () => deeds.place(id));
    this.grip.addEventListener("pointerdown", (event) => deeds.grab(id, event));
    this.node.addEventListener("keydown", (event) => this.pressed(event));
  }

  tool(label, path, attributes) {
    const tool = el("button.plain.board-tool", {type: "button", title: label, ...attributes}, drawing(path));
    tool.dataset.label = label;
    return tool;
  }

  pressed(event) {
    const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const gripped = event.target === this.grip;
    if (!gripped && (!event.altKey || event.target.matches("input, textarea"))) return;
    event.preventDefault();
    this.deeds.shift(this.id, step);
  }

  show(row, index, total) {
    const number = (index + 1).toLocaleString("en");
    const board = this.board();
    const task = taskOf(row, board);
    const message = task ? live.of(task) : undefined;
    const state = condition(row, message, message && live.own(task));
    set(this.node, {"aria-setsize": total, "aria-posinset": index + 1, dataset: {state: state.state}});
    this.node.classList.toggle("is-dirty", state.dirty);
    write(this.number, number);
    write(this.name, Number(row.name) === index + 1 ? "" : row.name);
    if (this.state !== state.state) fill(this.verdict, mark(state.state));
    this.state = state.state;
    this.dirty.hidden = !state.dirty;
    write(this.why, state.why);
    write(this.todo, state.todo);
    this.why.title = state.why;
    this.shot.show(row, number, task, state, message);
    for (const field of [...this.fields, this.seed]) field.show(row);
    this.seed.input.placeholder = row.card?.seed == null ? "derived" : `derived: ${row.card.seed}`;
    this.showCast(row, board);
    this.showButtons(number, index, total, state, this.drafts.unsaved(this.id).length > 0);
  }

  leave() {
    this.shot.leave();
  }

  showCast(row, board) {
    const names = row.characters.map((id) => board?.characters.find((one) => one.id === id)?.name ?? id);
    write(this.cast, names.length ? names.join(", ") : "No characters");
    this.cast.setAttribute("aria-label", `Characters: ${names.join(", ") || "none"}. Change`);
  }

  showButtons(number, index, total, state, typed) {
    for (const tool of [this.grip, ...this.tools])
      tool.setAttribute("aria-label", `${tool.dataset.label} sentence ${number}`.replace("after sentence", "after"));
    this.go.setAttribute("aria-label", `Generate sentence ${number}`);
    this.stop.setAttribute("aria-label", `Cancel sentence ${number}`);
    const stops = state.busy && !state.theirs;
    swap(stops ? this.go : this.stop, stops ? this.stop : this.go);
    this.go.setAttribute("aria-disabled", String(!canGenerate(state, typed)));
    this.up.setAttribute("aria-disabled", String(index === 0));
    this.down.setAttribute("aria-disabled", String(index === total - 1));
  }
}

// Hides one button and shows the other; the focus goes along.
function swap(hidden, shown) {
  const focused = document.activeElement === hidden;
  shown.hidden = false;
  if (focused) shown.focus({preventScroll: true});
  hidden.hidden = true;
}
