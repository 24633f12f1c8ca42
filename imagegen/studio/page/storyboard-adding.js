// The dialog for a new sentence. What was typed is kept when the dialog is closed without adding it.

import {show} from "./dialog.js";
import {el} from "./dom.js";
import {labelled, problem} from "./storyboard-form.js";

const kept = {text: "", image_prompt: ""};

// `add({text, image_prompt})` puts it there; `place` says where: "after sentence 12".
export function openAdding(place, add) {
  const wrong = problem();
  const text = labelled("Text", {kind: "area", rows: "3", value: kept.text});
  const prompt = labelled("Image prompt", {
    kind: "area",
    rows: "3",
    value: kept.image_prompt,
    hint: "Empty: the sentence itself is the prompt.",
  });
  const button = el("button.primary", {type: "submit"}, "Add");
  const form = el(
    "form.board-adding",
    {
      onsubmit: submit,
      onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit(),
    },
    text.node,
    prompt.node,
    wrong.node,
    el(
      "div.board-buttons.form-end",
      {},
      el("button", {type: "button", onclick: () => shown.close()}, "Cancel"),
      button,
    ),
  );
  const remember = () => Object.assign(kept, {text: text.input.value, image_prompt: prompt.input.value});
  form.addEventListener("input", remember);
  const shown = show({title: `New sentence ${place}`, content: form});
  text.input.focus();

  async function submit(event) {
    event.preventDefault();
    if (button.disabled) return;
    if (!kept.text.trim() && !kept.image_prompt.trim()) {
      wrong.show({message: "Write a text or an image prompt."});
      return;
    }
    button.disabled = true;
    wrong.clear();
    try {
      const given = {...kept};
      const after = await add(given);
      Object.assign(kept, {text: "", image_prompt: ""});
      shown.close();
      await shown.closed;
      after?.();
    } catch (error) {
      wrong.show(error);
    } finally {
      button.disabled = false;
    }
  }
}
