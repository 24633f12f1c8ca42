// What came of the images that were under way, wherever they were started: said together, not one by one.

import {plural} from "./dom.js";
import {live} from "./live.js";
import {announce, fail} from "./notices.js";

const TOGETHER = 1500; // milliseconds

let made = 0;
let failed = [];
let timer = 0;

export function begin() {
  live.on("job_complete", () => {
    made += 1;
    soon();
  });
  live.on("job_failed", (message) => {
    failed.push(message);
    soon();
  });
}

function soon() {
  timer ||= setTimeout(say, TOGETHER);
}

function say() {
  timer = 0;
  if (made) announce(`${plural(made, "image")} made`);
  const last = failed.at(-1);
  if (last) {
    const what = `${last.task}: ${last.error}`;
    fail({
      message: failed.length > 1 ? `${plural(failed.length, "image")} failed, the last of them ${what}` : what,
      hint: last.hint,
    });
  }
  made = 0;
  failed = [];
}
