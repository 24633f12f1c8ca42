// What stands in place of the sheet when there is nothing to show, and what to do about it.

import {el} from "./dom.js";

export function emptySheet({filtered, problems, clear}) {
  if (filtered) {
    return el(
      "div.empty",
      {},
      el("h2", {}, "No image fits this filter"),
      el("p", {}, "Search looks in names and prompts; a verdict that is pressed hides all others."),
      el("button", {type: "button", onclick: clear}, "Show all images"),
    );
  }
  if (problems?.length)
    return el(
      "div.empty",
      {},
      el("h2", {}, "No images yet"),
      el("p", {}, "assets.yaml can't be read; what is wrong stands above."),
    );
  return el(
    "div.empty",
    {},
    el("h2", {}, "This project has no images yet"),
    el("p", {}, "Write some into assets.yaml, and they appear here by themselves:"),
    el("pre", {}, "items:\n  - name: Red fox\n    prompt: a red fox in the snow, morning light"),
    el("p", {}, "Or bring a script as a storyboard:"),
    el("pre", {}, "imagegen storyboard import script.md"),
  );
}
