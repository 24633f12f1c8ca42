// The view of all images: a contact sheet of every job.

import {el, fill, paced, plural, write} from "./dom.js";
import {listUnder} from "./itemlist.js";
import {keys} from "./keys.js";
import {live} from "./live.js";
import {announce} from "./notices.js";
import {onProject, project} from "./project.js";
import {go, keepFocus, replace, title, to} from "./router.js";
import {clear, onSelection, select, selected, toggle} from "./selection.js";
import {makeActions, makeSelectionBar} from "./sheet-bar.js";
import {emptySheet} from "./sheet-empty.js";
import {addressOf, filterOf, isFiltered, keptSize, makeFilters} from "./sheet-filters.js";
import {Grid} from "./sheet-grid.js";
import {lastOpened, leftAt, opened, standAt} from "./sheet-stand.js";

export function show(main, query) {
  let filter = filterOf(query ?? new URLSearchParams());
  let list = listUnder(filter);
  let settledOn = ""; // the result that was announced last
  const heading = el("h1", {}, "All images");
  const count = el("p.muted.numbers");
  const grid = new Grid({
    open: (task) => go(to("image", task)),
    select: toggle,
    range: (from, until, on) => select(between(from, until), on),
    isSelected: (task) => selected.has(task),
    showJob: () => !filter.job && (project.current?.jobs.length ?? 0) > 1,
  });
  const filters = makeFilters(filter, {changed: use, resized: (size) => grid.resize(size)});
  const actions = makeActions(() => filter.job);
  const bar = makeSelectionBar(() => grid.focus(grid.current));
  const empty = el("div");
  const head = el("div.sheet-head", {}, heading, count, actions.node);
  main.append(head, filters.node, grid.node, empty, bar.node);
  title(project.current?.name);

  function use(next) {
    filter = next;
    replace(addressOf(filter));
    offList();
    list.leave();
    list = listUnder(filter);
    offList = list.on(drawn);
    grid.use(list);
    scrollTo(0, Math.min(scrollY, head.offsetHeight)); // the first results, below the filters
    list.refresh();
    drawn();
  }

  function countUp() {
    const counts = list.counts ?? (isFiltered(filter) ? null : project.current?.states);
    filters.count(counts && {...counts, busy: busyHere() ?? counts.busy});
    actions.show(filter.q ? inJob() : (counts ?? inJob()));
  }

  function drawn() {
    const nothing = list.total === 0;
    countUp();
    write(count, list.total === null ? "" : plural(list.total, "image"));
    grid.node.hidden = nothing;
    filters.node.hidden = nothing && !isFiltered(filter);
    if (!nothing || !empty.firstChild || empty.dataset.filtered !== String(isFiltered(filter))) {
      empty.dataset.filtered = String(isFiltered(filter));
      fill(
        empty,
        nothing &&
          emptySheet({
            filtered: isFiltered(filter),
            problems: project.current?.problems,
            clear: () => (filters.clear(), filters.search.focus()),
          }),
      );
    }
    grid.refresh();
    say();
  }

  // How many are under way under the filter, where that can be told without the server.
  function busyHere() {
    if (!live.connected || filter.q) return undefined;
    return live.tasks().filter((task) => !filter.job || task.startsWith(`${filter.job}:`)).length;
  }

  // How many wait in the job, where the text filter hides some of them.
  function inJob() {
    return filter.job ? null : project.current?.states;
  }

  function say() {
    if (list.total === null) return;
    const result = `${addressOf(filter)} ${list.total}`;
    if (settledOn && settledOn !== result)
      announce(list.total ? plural(list.total, "image") : "No image fits this filter");
    settledOn = result;
  }

  function between(from, until) {
    const tasks = [];
    for (let place = Math.min(from, until); place <= Math.max(from, until); place += 1) {
      const card = list.at(place);
      if (card) tasks.push(card.task);
    }
    return tasks;
  }

  const counted = paced(countUp, 300);
  const over = ({task, type, error}) => {
    list.patch(task, {status: type === "job_failed" ? "failed" : null, error: error ?? ""});
    list.touch([task]);
  };
  grid.resize(keptSize());
  grid.use(list);
  let offList = list.on(drawn);
  const offs = [
    onProject((current) => {
      filters.jobs(current.jobs);
      title(current.name);
      drawn();
    }),
    onSelection(() => (grid.update(null), bar.show())),
    live.on("changed", ({tasks}) => (tasks ? list.touch(tasks) : list.refresh())),
    live.on("up", ({again}) => again && list.refresh()),
    live.on("busy", (tasks) => {
      grid.update(tasks);
      bar.show();
      counted();
      if (filter.states.includes("busy")) list.refresh();
    }),
    ...["job_complete", "job_failed", "job_cancelled"].map((type) => live.on(type, over)),
    keys({
      "/": ["Search", () => filters.search.focus()],
      "ArrowLeft ArrowRight ArrowUp ArrowDown": ["Move over the images"],
      Enter: ["Open the image"],
      " ": ["Select the image (with Shift and the arrows: several)"],
      Escape: ["Clear the selection", () => (selected.size ? clear() : false)],
    }),
  ];
  filters.search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") grid.focus(grid.current);
    else if (event.key === "Escape" && !filters.search.value) grid.focus(grid.current);
    else return;
    event.preventDefault();
  });
  const covering = new ResizeObserver(() => {
    const sticky = getComputedStyle(filters.node).position === "sticky" ? filters.node.offsetHeight : 0;
    document.documentElement.style.setProperty("--sticky", `${sticky}px`);
  });
  covering.observe(filters.node);

  list.refresh();
  bar.show();
  comeBack();

  // Where the sheet was left: the same place, the focus on the image that was open last.
  function comeBack() {
    const stand = standAt(addressOf(filter));
    if (!stand) return scrollTo(0, 0);
    if (stand.pixels === null) scrollTo(0, 0);
    else grid.scrollTo(stand.place, stand.pixels);
    keepFocus();
    grid.focus(list.placeOf(lastOpened()) ?? stand.current);
    opened(undefined);
  }

  return {
    leave() {
      leftAt(addressOf(filter), grid.stand);
      for (const off of [...offs, offList]) off();
      counted.cancel();
      covering.disconnect();
      document.documentElement.style.removeProperty("--sticky");
      filters.leave();
      grid.leave();
      list.leave();
    },
  };
}
