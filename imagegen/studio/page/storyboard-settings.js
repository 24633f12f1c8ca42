// The project's settings, in a dialog. Only what was changed is sent, so that two people may change different things.

import {show} from "./dialog.js";
import {el} from "./dom.js";
import {tell} from "./notices.js";
import {labelled, problem} from "./storyboard-form.js";

const RATIOS = ["16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "21:9"];

const FIELDS = {
  name: ["Name", {required: true}],
  style_lora: ["Style LoRA", {placeholder: "file.safetensors or file.safetensors:0.8"}],
  style: ["Style", {kind: "area", hint: "Follows every prompt, after a comma."}],
  aspect_ratio: ["Aspect ratio", {list: "board-ratios", hint: "A new ratio sets the size; the longer side stays."}],
  width: ["Width, pixels", {kind: "number", min: "1", step: "1"}],
  height: ["Height, pixels", {kind: "number", min: "1", step: "1"}],
  negative_prompt: ["Negative prompt", {kind: "area"}],
  workflow: ["Workflow", {hint: "A file of the project, such as workflows/image/flux-2.json."}],
};
const NUMBERS = new Set(["width", "height"]);

// `save(changes)` answers the new board.
export function openSettings(board, save) {
  const wrong = problem();
  const fields = Object.entries(FIELDS).map(([name, [label, options]]) => [
    name,
    labelled(label, {value: String(board[name] ?? ""), ...options}),
  ]);
  const form = el(
    "form.board-form",
    {onsubmit: submit},
    el(
      "datalist#board-ratios",
      {},
      RATIOS.map((ratio) => el("option", {value: ratio})),
    ),
    fields.map(([name, {node}]) => (node.classList.add(`form-${name}`), node)),
    wrong.node,
    el(
      "div.board-buttons.form-end",
      {},
      el("p.muted.small", {}, "Whatever decides the pictures makes its sentences dirty."),
      el("button", {type: "button", onclick: () => shown.close()}, "Cancel"),
      el("button.primary", {type: "submit"}, "Save"),
    ),
  );
  const shown = show({title: "Settings of the storyboard", content: form, wide: true});

  function changes() {
    const found = {};
    for (const [name, {input}] of fields) {
      if (input.value !== String(board[name] ?? ""))
        found[name] = NUMBERS.has(name) ? Number(input.value) : input.value.trim();
    }
    return found;
  }

  async function submit(event) {
    event.preventDefault();
    const found = changes();
    if (!Object.keys(found).length) return shown.close();
    wrong.clear();
    try {
      await save(found);
      shown.close();
      tell("Settings saved.");
    } catch (error) {
      wrong.show(error);
    }
  }
}
