// A text of a sentence, edited where it stands. Saved on leaving and after a pause; Ctrl or Cmd with Enter saves and
// generates; Esc goes back to what stood there when the field got the focus.

import {el} from "./dom.js";
import {announce} from "./notices.js";
import {Saving} from "./storyboard-saving.js";
import {LABELS, read} from "./storyboard-values.js";

const GROWS = CSS.supports("field-sizing", "content");
let number = 0;

export class Field {
  // `drafts` keeps what is typed; `generate()` is called for Ctrl+Enter.
  constructor(field, drafts, generate, attributes = {}) {
    Object.assign(this, {field, drafts, generate});
    const id = `field-${(number += 1)}`;
    const common = {
      id,
      "aria-describedby": `${id}-saved`,
      spellcheck: field === "seed" ? "false" : "true",
      ...attributes,
    };
    this.input =
      field === "seed"
        ? el("input", {type: "text", inputmode: "numeric", autocomplete: "off", ...common})
        : el("textarea", {rows: "1", ...common});
    this.saving = new Saving(field, (mine) => this.settle(mine));
    this.saving.line.id = `${id}-saved`;
    this.node = el(
      `div.board-field.board-${field}`,
      {},
      el("label", {for: id}, LABELS[field]),
      this.saving.line,
      this.input,
      this.saving.choice,
    );
    this.input.addEventListener("focus", () => (this.before = this.input.value));
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("blur", () => this.drafts.flush(this.row.id));
    this.input.addEventListener("keydown", (event) => this.pressed(event));
  }

  show(row) {
    this.row = row;
    const draft = this.drafts.of(row.id, this.field);
    const text = draft ? draft.text : read(row, this.field);
    if (this.input.value !== text) this.put(text);
    this.input.setAttribute("aria-invalid", String(draft?.state === "refused"));
    this.saving.show(draft);
  }

  // Writes a text that came from elsewhere, the caret staying where it is.
  put(text) {
    const here = document.activeElement === this.input;
    const {selectionStart, selectionEnd} = this.input;
    this.input.value = text;
    if (here) {
      this.input.setSelectionRange(selectionStart, selectionEnd);
      this.before = text;
    }
    this.grow();
  }

  grow() {
    if (GROWS || this.field === "seed") return;
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight + 2}px`;
  }

  typed() {
    this.grow();
    this.drafts.type(this.row, this.field, this.input.value);
  }

  settle(mine) {
    const draft = this.drafts.of(this.row.id, this.field);
    this.input.focus({preventScroll: true});
    if (draft && mine !== null) this.drafts.settle(draft, mine);
  }

  pressed(event) {
    if (event.isComposing) return;
    if (event.key === "Escape" && this.input.value !== this.before) {
      event.preventDefault();
      event.stopPropagation();
      this.revert();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.generate();
    } else if (event.key === "Enter" && this.field === "seed") {
      this.drafts.flush(this.row.id);
    }
  }

  // As if it were typed, so that the browser's own undo brings it back.
  revert() {
    this.input.select();
    const done = this.before ? document.execCommand("insertText", false, this.before) : document.execCommand("delete");
    if (!done || this.input.value !== this.before) {
      this.input.value = this.before;
      this.typed();
    }
    announce(`${LABELS[this.field]} as it was before.`);
  }
}
