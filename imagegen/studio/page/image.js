// The view of one image.

import {aborted, get, path} from "./api.js";
import {stepText} from "./card.js";
import {el, fill, paced, set, write} from "./dom.js";
import {About} from "./image-about.js";
import {Actions} from "./image-actions.js";
import {neighbours} from "./image-neighbours.js";
import {Stage} from "./image-stage.js";
import {Versions} from "./image-versions.js";
import {listUnder} from "./itemlist.js";
import {keys} from "./keys.js";
import {live} from "./live.js";
import {fail} from "./notices.js";
import {go, keepFocus, title, to} from "./router.js";
import {opened, wayBack} from "./sheet-stand.js";

let step = null; // the button that led here, which keeps the focus

export function show(main, task) {
  const gone = new AbortController();
  let item = null;
  let choice = null; // what is compared with: "candidate", a version's number, or null for the latest there is
  let around = {};
  const back = wayBack();
  const heading = el("h1", {}, task.split(":").slice(1).join(":") || task);
  const file = el("a", {target: "_blank", rel: "noopener", title: "Open the file"});
  const facts = el("span");
  const about = el("p.muted.small.numbers", {}, file, facts);
  const place = el("p.muted.small.numbers");
  const before = stepButton("Previous image", "ArrowLeft", "←");
  const after = stepButton("Next image", "ArrowRight", "→");
  const stage = new Stage();
  const actions = new Actions(task, take);
  const versions = new Versions(
    (chosen) => ((choice = chosen), draw()),
    (number) => actions.restore(number),
  );
  const tables = new About();
  const view = el(
    "div.image-view",
    {},
    el(
      "div.image-head",
      {},
      el("a.back", {href: back.address}, back.name),
      el("div", {}, heading, about),
      el("nav.image-steps", {"aria-label": "Images before and after"}, place, before, after),
    ),
    el("div.image-main", {}, stage.node, versions.node),
    el("div.image-side", {}, actions.node, tables.node),
  );
  main.append(view);
  view.classList.add("waiting");
  foretell(listUnder.latest?.cardOf(task));
  title(heading.textContent);
  opened(task);
  scrollTo(0, 0);
  if (step) {
    keepFocus();
    (step === "before" ? before : after).focus({preventScroll: true});
    step = null;
  }

  // What the sheet knew of it stands there at once.
  function foretell(card) {
    if (!card) return;
    write(heading, card.name);
    stage.shape(card.width, card.height);
    stage.show({left: null, right: {picture: card.thumbnail, label: "Current picture", alt: card.name}, blank: ""});
  }

  async function load() {
    try {
      take(await get(path`/api/items/${task}`, {signal: gone.signal}));
    } catch (error) {
      if (aborted(error)) return;
      if (error.status === 404) lost(error);
      else if (error.status) fail(error);
    }
  }

  function take(found) {
    if (gone.signal.aborted) return; // an answer for a view that was left
    if (!view.isConnected) main.replaceChildren(view); // it had gone from the manifest, and is back
    const first = !item;
    if (found.candidate && !item?.candidate) choice = "candidate";
    item = found;
    if (first) findNeighbours();
    if (choice === "candidate" ? !item.candidate : !item.previous.some(({number}) => number === choice)) choice = null;
    view.classList.remove("waiting");
    draw();
  }

  function draw() {
    if (!item) return;
    const message = live.of(task);
    const size = item.width && item.height ? `${item.width} × ${item.height}` : "";
    write(heading, item.name);
    title(item.name);
    set(file, {href: item.picture});
    write(file, item.target);
    write(
      facts,
      ["", size, item.backend, item.seed === null ? "" : `seed ${item.seed}`]
        .filter((one, index) => one || !index)
        .join(" · "),
    );
    const chosen = choice ?? (item.candidate ? "candidate" : (item.previous[0]?.number ?? null));
    stage.shape(item.width, item.height);
    stage.show(pair(chosen, message));
    versions.show(item, chosen, Boolean(message));
    actions.show(item, message);
    tables.show(item);
  }

  // What stands left and right: the older one left.
  function pair(chosen, message) {
    const current = {
      picture: item.picture,
      thumbnail: item.thumbnail,
      label: item.picture ? "Current picture" : "",
      alt: `${item.name}, current picture`,
    };
    const blank = item.state === "damaged" ? "The file is not a whole picture" : "No picture yet";
    if (message?.preview) {
      return {
        left: current,
        right: {
          picture: message.preview,
          thumbnail: null,
          label: `Preview, ${stepText(message)}`,
          alt: `${item.name}, preview`,
        },
        blank,
      };
    }
    if (chosen === "candidate" && item.candidate) {
      const {candidate} = item;
      return {
        left: current,
        right: {...candidate, label: `Candidate, seed ${candidate.seed}`, alt: `${item.name}, candidate`},
        blank,
      };
    }
    const version = item.previous.find(({number}) => number === chosen);
    const left = version &&
      item.picture && {
        picture: version.picture,
        label: `Version ${version.number}`,
        alt: `${item.name}, version ${version.number}`,
      };
    return {left: left || null, right: current, blank};
  }

  function lost(error) {
    fill(
      main,
      el(
        "div.empty",
        {},
        el("h1", {tabindex: "-1"}, "There is no such image"),
        el("p", {}, [error.message, error.hint].filter(Boolean).join(" ")),
        el("a.button", {href: to("")}, "All images"),
      ),
    );
    main.querySelector("h1").focus();
  }

  async function findNeighbours() {
    around = await neighbours(task, item.index);
    if (gone.signal.aborted) return;
    set(before, {"aria-disabled": String(!around.before)});
    set(after, {"aria-disabled": String(!around.after)});
    write(
      place,
      around.total ? `${(around.place + 1).toLocaleString("en")} of ${around.total.toLocaleString("en")}` : "",
    );
  }

  function move(which) {
    const other = around[which];
    if (!other) return false;
    if (document.activeElement === before || document.activeElement === after) step = which;
    go(to("image", other), true);
    return true;
  }

  before.addEventListener("click", () => move("before"));
  after.addEventListener("click", () => move("after"));
  const again = paced(load, 300);
  const over = (message) => {
    if (message.task !== task) return;
    if (item && message.type === "job_failed")
      Object.assign(item, {status: "failed", error: message.error, hint: message.hint});
    draw();
    again();
  };
  const offs = [
    live.on("busy", (tasks) => (!tasks || tasks.includes(task)) && draw()),
    live.on("changed", ({tasks}) => (!tasks || tasks.includes(task)) && again()),
    live.on("up", (now) => now.again && again()),
    ...["job_complete", "job_failed", "job_cancelled"].map((type) => live.on(type, over)),
    keys({
      ArrowLeft: ["Previous image", () => move("before")],
      ArrowRight: ["Next image", () => move("after")],
      Escape: [`Back to ${back.name}`, () => go(back.address)],
    }),
  ];
  load();

  return {
    leave() {
      gone.abort();
      again.cancel();
      for (const off of offs) off();
    },
  };
}

function stepButton(name, key, arrow) {
  return el("button", {type: "button", "aria-label": name, "aria-keyshortcuts": key}, arrow);
}
