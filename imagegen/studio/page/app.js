// Starts the page: frame, live connection, views.

import {el, fill, plural, set} from "./dom.js";
import * as keys from "./keys.js";
import {live} from "./live.js";
import * as notices from "./notices.js";
import * as outcomes from "./outcomes.js";
import {follow, load, onProject, project} from "./project.js";
import {place, route, start, to} from "./router.js";
import * as theme from "./theme.js";

let shownViews = "";
let shownProblems = "";

const at = (id) => document.getElementById(id);

notices.begin();
keys.begin();
theme.begin(at("theme"));
at("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  at("main").focus();
});
at("keys").addEventListener("click", keys.showKeys);

route("", () => import("./sheet.js"));
route("image", () => import("./image.js"));
route("storyboard", () => import("./storyboard.js"));

onProject(({name, problems, warnings}) => {
  at("brand").textContent = name;
  at("brand").title = name;
  showViews();
  showProblems(problems ?? [], warnings ?? []);
});
addEventListener("place", showViews);

live.on("up", ({again}) => again && notices.announce("Connected again"));
live.on("down", ({attempt}) => {
  connection("down", "Connection lost, trying again");
  if (attempt === 1) notices.announce("Connection lost, trying again");
  if (attempt === 3) load().catch((error) => error.status === 401 && notices.fail(error)); // no longer signed in?
});
live.on("note", ({message}) => notices.tell(message));
live.on(
  "busy",
  () =>
    live.connected && connection("up", live.tasks().length ? `${plural(live.tasks().length, "image")} under way` : ""),
);

follow();
outcomes.begin();
live.start();
await load().catch((error) => notices.fail(error));
await start(at("main"));

function connection(state, text) {
  const box = at("connection");
  box.dataset.state = state;
  if (box.textContent !== text) box.textContent = text;
}

function showViews(event) {
  const here = event?.detail ?? place();
  const boards = (project.current?.storyboards ?? []).map(({id, name}) => ({
    address: to("storyboard", id),
    text: name,
    current: here.name === "storyboard" && here.parts[0] === id,
  }));
  const links = [{address: to(""), text: "All images", current: here.name !== "storyboard"}, ...boards];
  const written = JSON.stringify(links);
  if (written === shownViews) return; // a focused link keeps its focus
  shownViews = written;
  fill(
    at("views"),
    links.map(({address, text, current}) => el("a", {href: address, "aria-current": current && "page"}, text)),
  );
}

function showProblems(problems, warnings) {
  const written = JSON.stringify([problems, warnings]);
  if (written === shownProblems) return;
  shownProblems = written;
  const box = at("problems");
  set(box, {
    hidden: !problems.length && !warnings.length,
    "aria-label": problems.length ? "Problems of the manifest" : "Warnings of the manifest",
  });
  box.classList.toggle("wrong", problems.length > 0);
  fill(
    box,
    problems.length > 0 && [
      el("h2", {}, "The manifest is not right"),
      el("p", {}, "What is shown below is the last one that was. Mend this and the page follows by itself:"),
      el("pre", {tabindex: "0"}, problems.join("\n\n")),
    ],
    warnings.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, plural(warnings.length, "warning")),
        el("pre", {tabindex: "0"}, warnings.join("\n\n")),
      ),
  );
  if (problems.length) notices.announce("The manifest is not right");
}
