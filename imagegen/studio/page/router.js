// Which view is shown: the address behind the #.
//
//   route("image", () => import("./image.js"))    #/image/TASK?…: show(node, TASK, query) there gives {leave()}
//   start(main)
//   go(to("image", task))       a new place in the history;  go(…, true) takes the place of the present one
//   replace(to("", query))      writes the address without showing anything anew
//   href: to("storyboard", id)
//   title("Storyboard", "…")    the page's title
//
// After a change of view the focus lies on the view's first heading, or on what the view asked for with
// keepFocus() while it was shown.

import {el} from "./dom.js";
import {fail} from "./notices.js";

const views = new Map();
let shown = null;
let turn = 0;
let focused = false;

export function route(name, load) {
  views.set(name, load);
}

export function to(name, ...parts) {
  const query = typeof parts.at(-1) === "object" ? String(new URLSearchParams(parts.pop())) : "";
  return (
    ["#", name, ...parts.map(encodeURIComponent)].filter(Boolean).join("/") + (name ? "" : "/") + (query && `?${query}`)
  );
}

export function go(address, instead = false) {
  if (location.hash === address)
    show(); // the same place again: shown anew
  else if (instead) location.replace(address);
  else location.hash = address;
}

export function replace(address) {
  history.replaceState(history.state, "", address);
}

export function title(...parts) {
  document.title = [...parts, "imagegen studio"].filter(Boolean).join(" · ");
}

export function keepFocus() {
  focused = true;
}

// The place the address names now: its view's name, its parts and its query.
export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...parts] = path.split("/").map(decoded);
  return {name, parts, query: new URLSearchParams(query ?? "")};
}

export function start(main) {
  addEventListener("hashchange", () => show(main));
  start.main = main;
  return show(main);
}

async function show(main = start.main) {
  const mine = (turn += 1);
  const {name, parts, query} = place();
  shown?.leave?.();
  shown = null;
  focused = false;
  const box = el("div.view"); // its own: what a view that was left still adds is seen nowhere
  main.replaceChildren(box);
  dispatchEvent(new CustomEvent("place", {detail: {name, parts}}));
  try {
    const module = await (views.get(name) ?? views.get(""))();
    if (mine !== turn) return;
    const next = await module.show(box, ...parts, query);
    if (mine === turn) shown = next;
    else next?.leave?.(); // another view was asked for while this one came
  } catch (error) {
    if (mine === turn) fail(error, "This view can't be shown");
    return;
  }
  if (mine === turn && !focused && turn > 1) focusHeading(main);
}

function focusHeading(main) {
  const heading = main.querySelector("h1") ?? main;
  heading.tabIndex = -1;
  heading.focus({preventScroll: true});
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
