// The picture of a sentence: a link to the image view; while it is being made the server's preview and the progress.

import {bar, picture, stepText} from "./card.js";
import {drawing, el, set, write} from "./dom.js";
import {to} from "./router.js";

const SETTLES = 250; // milliseconds a row is in sight before its whole picture is fetched

export class Shot {
  constructor() {
    this.image = picture("board-image");
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
    this.picture(preview, made, card);
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

  // The thumbnail at once; the whole picture where that is too small for its place and the row stays in sight.
  picture(preview, made, card) {
    const whole = card?.picture ?? null;
    if (preview || this.whole !== whole) {
      clearTimeout(this.timer);
      this.whole = preview ? undefined : whole;
      this.image.node.removeAttribute("srcset");
      this.image.show(preview ?? made);
      if (!preview && whole && whole !== made) this.timer = setTimeout(() => this.sharpen(whole, card.width), SETTLES);
    }
  }

  async sharpen(whole, width) {
    const {naturalWidth, clientWidth} = this.image.node;
    if (Math.min(width, clientWidth * devicePixelRatio) <= naturalWidth * 1.2) return;
    const image = new Image();
    image.src = whole;
    await image.decode().catch(() => null); // a picture that can't be had leaves the thumbnail
    if (this.whole === whole && image.naturalWidth) this.image.node.srcset = whole;
  }

  leave() {
    clearTimeout(this.timer);
    this.whole = null;
  }
}
