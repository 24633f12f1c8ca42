// The picture of a sentence: a link to the image view; while it is being made the server's preview and the progress.

import {bar, picture, stepText, thumbnails} from "./card.js";
import {drawing, el, set, write} from "./dom.js";
import {to} from "./router.js";

const SIZES = "(max-width: 660px) 100vw, 38vw"; // how wide its place is, see storyboard-row.css

export class Shot {
  constructor() {
    this.image = picture("board-image", SIZES);
    this.word = el("span.board-none.small");
    this.link = el("a.board-link", {}, this.word, this.image.node);
    this.bar = bar("the picture");
    this.step = el("span.small.numbers");
    this.progress = el("div.board-progress", {hidden: true}, this.bar.node, this.step);
    this.preview = el(
      "span.board-preview.small",
      {hidden: true},
      drawing("M2 8s2-4 6-4 6 4 6 4-2 4-6 4-6-4-6-4z"),
      "preview",
    );
    this.node = el("div.board-shot", {}, this.link, this.preview, this.progress);
  }

  show(row, number, task, state, message) {
    const card = row.card;
    const made = card?.thumbnail ?? card?.picture ?? null;
    const preview = state.busy ? message?.preview : null;
    if (preview) this.image.show(preview);
    else this.image.show(made, card ? thumbnails(card) : "");
    this.preview.hidden = !preview;
    this.node.classList.toggle("dimmed", state.busy && !preview && Boolean(made));
    write(this.word, made || preview ? "" : state.busy ? "The picture is on its way" : "No picture yet");
    if (card?.width && card?.height) this.node.style.aspectRatio = `${card.width} / ${card.height}`;
    this.image.node.alt = made ? row.text || row.image_prompt : "";
    set(this.link, {href: task ? to("image", task) : null, "aria-label": `Open the picture of sentence ${number}`});
    this.progress.hidden = !state.busy;
    if (!state.busy) return;
    const told = message ?? {progress: 0, status: state.state};
    set(this.bar.node, {"aria-label": `Progress of sentence ${number}`});
    this.bar.show(told);
    write(this.step, stepText(told));
  }

  leave() {
    this.image.show(null); // a picture on its way is given up
  }
}
