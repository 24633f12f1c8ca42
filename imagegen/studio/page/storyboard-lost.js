// What was typed into a sentence that somebody else removed meanwhile: kept at hand until the user decides.

import {el, fill} from "./dom.js";
import {LABELS, read} from "./storyboard-values.js";

export class Lost {
  // `again({text, image_prompt})` adds the sentence anew.
  constructor(drafts, again) {
    Object.assign(this, {drafts, again});
    this.node = el("section.board-lost", {"aria-label": "Sentences that were removed while you wrote", hidden: true});
  }

  show() {
    const gone = this.drafts.all().filter((draft) => draft.state === "gone");
    const ids = [...new Set(gone.map((draft) => draft.id))];
    const written = JSON.stringify(gone.map(({id, field, text}) => [id, field, text]));
    if (written === this.written) return;
    this.written = written;
    this.node.hidden = !ids.length;
    fill(
      this.node,
      ids.map((id) => this.one(gone.filter((draft) => draft.id === id))),
    );
  }

  one(drafts) {
    const text = (field) => drafts.find((draft) => draft.field === field)?.text ?? read(drafts[0].row, field);
    const forget = () => drafts.forEach((draft) => this.drafts.drop(draft));
    const add = async () => (await this.again({text: text("text"), image_prompt: text("image_prompt")})) && forget();
    return el(
      "div.board-lost-one",
      {},
      el("h2", {}, "A sentence was removed while you wrote in it"),
      drafts.map(({field}) => el("p", {}, `${LABELS[field]}: `, el("q", {}, text(field)))),
      el(
        "div.board-buttons",
        {},
        el("button", {type: "button", onclick: add}, "Add it again"),
        el("button.plain", {type: "button", onclick: forget}, "Let it go"),
      ),
    );
  }
}
