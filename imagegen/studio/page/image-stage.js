// The large picture, alone or beside another: under a slider, or side by side.
//
//   const stage = new Stage();  main.append(stage.node);
//   stage.shape(1920, 1080);
//   stage.show({left: {picture, label}, right: {picture, thumbnail, label}, blank: "No picture yet"})
//
// ``left`` and ``right.picture`` may be null. The slider's value is how much of the left picture is seen, in percent.

import {picture} from "./card.js";
import {el, set, write} from "./dom.js";

const MODES = {slider: "Slider", side: "Side by side", single: "One picture"};

export class Stage {
  #left = picture("stage-left");
  #right = picture("stage-right");
  #under = picture("stage-under");
  #leftLabel = el("figcaption");
  #rightLabel = el("figcaption");
  #blank = el("p.stage-blank");
  #range = el("input", {type: "range", min: "0", max: "100", step: "1", value: "50"});
  #ends = [el("span"), el("span")];
  #slider = el("div.stage-slider", {}, this.#ends[0], this.#range, this.#ends[1]);
  #buttons = Object.entries(MODES).map(([mode, text]) =>
    el("button", {type: "button", dataset: {mode}, onclick: () => this.#choose(mode)}, text),
  );
  #modes = el("div.stage-modes", {role: "group", "aria-label": "How to compare"}, this.#buttons);
  #leftBox = el("figure.stage-box.stage-box-left", {}, el("div.stage-frame", {}, this.#left.node), this.#leftLabel);
  #rightBox = el(
    "figure.stage-box.stage-box-right",
    {},
    el("div.stage-frame", {}, this.#under.node, this.#right.node, this.#blank),
    this.#rightLabel,
  );
  #cut = el("div.stage-cut", {"aria-hidden": "true"});
  #pictures = el("div.stage-pictures", {}, this.#rightBox, this.#leftBox, this.#cut);
  #mode = "slider";

  constructor() {
    this.node = el(
      "section.stage",
      {"aria-label": "Picture"},
      this.#pictures,
      el("div.stage-foot", {}, this.#slider, this.#modes),
    );
    this.#range.addEventListener("input", () => this.#moved());
    this.#pictures.addEventListener("pointerdown", (event) => this.#grabbed(event));
    this.#moved();
  }

  shape(width, height) {
    this.node.style.setProperty("--ratio", (width || 4) / (height || 3));
  }

  show({left, right, blank}) {
    const two = Boolean(left?.picture);
    const mode = two ? this.#mode : "single";
    this.node.dataset.mode = mode;
    set(this.#slider, {hidden: mode !== "slider"});
    set(this.#modes, {hidden: !two});
    set(this.#leftBox, {hidden: mode === "single"});
    for (const button of this.#buttons) set(button, {"aria-pressed": String(button.dataset.mode === mode)});
    this.#left.show(two ? left.picture : null);
    this.#under.show(right.thumbnail ?? null);
    this.#right.show(right.picture ?? null);
    set(this.#left.node, {alt: left?.alt ?? ""});
    set(this.#right.node, {alt: right.alt ?? ""});
    set(this.#blank, {hidden: Boolean(right.picture)});
    write(this.#blank, blank);
    this.#label(left?.label ?? "", right.label);
    this.again = () => this.show({left, right, blank});
  }

  #label(left, right) {
    for (const node of [this.#leftLabel, this.#ends[0]]) write(node, left);
    for (const node of [this.#rightLabel, this.#ends[1]]) write(node, right);
    set(this.#range, {"aria-label": `How much is seen of ${left}, the rest is ${right}`});
    this.#moved();
  }

  #choose(mode) {
    this.#mode = mode;
    this.again?.();
  }

  #moved() {
    this.node.style.setProperty("--cut", `${this.#range.value}%`);
    set(this.#range, {"aria-valuetext": `${this.#range.value} % ${this.#ends[0].textContent}`});
  }

  // The line can be drawn on the picture itself, too.
  #grabbed(event) {
    if (this.node.dataset.mode !== "slider" || event.button !== 0) return;
    event.preventDefault();
    const frame = this.#pictures.getBoundingClientRect();
    const follow = ({clientX}) => {
      this.#range.value = Math.round((100 * (clientX - frame.left)) / frame.width);
      this.#moved();
    };
    const done = () => {
      this.#pictures.removeEventListener("pointermove", follow);
      this.#range.focus({preventScroll: true});
    };
    this.#pictures.setPointerCapture(event.pointerId);
    this.#pictures.addEventListener("pointermove", follow);
    this.#pictures.addEventListener("lostpointercapture", done, {once: true});
    follow(event);
  }
}
