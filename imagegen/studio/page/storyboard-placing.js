// The dialog that moves a sentence far: to a place by its number.

import {show} from "./dialog.js";
import {el} from "./dom.js";
import {labelled} from "./storyboard-form.js";

// `move(position)`: the 0-based place. The row is `index` of `total` now.
export function openPlacing(index, total, move) {
  const place = labelled("New place", {
    kind: "number",
    min: "1",
    max: String(total),
    step: "1",
    value: String(index + 1),
    required: true,
    hint: `From 1 to ${total.toLocaleString("en")}.`,
  });
  const form = el(
    "form.board-adding",
    {onsubmit: submit},
    place.node,
    el(
      "div.board-buttons.form-end",
      {},
      el("button", {type: "button", onclick: () => shown.close()}, "Cancel"),
      el("button.primary", {type: "submit"}, "Move"),
    ),
  );
  const shown = show({title: `Move sentence ${(index + 1).toLocaleString("en")}`, content: form});
  place.input.select();

  async function submit(event) {
    event.preventDefault();
    const position = Number(place.input.value) - 1;
    shown.close();
    await shown.closed;
    if (position !== index) move(position);
  }
}
