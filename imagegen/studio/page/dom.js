// Elements without a framework. All text goes in as text, never as HTML.
//
//   el("button.primary#go", {type: "button", onclick: start, "aria-label": "Make it"}, "Make")
//   el("li", {dataset: {task}, style: {"--part": 0.4}, hidden: false}, child, [more, children], null)
//
// Attributes: a function under on… is a listener; style sets properties one by one (as the content security
// policy allows); true, false and null set or leave out; value, checked and the like are set as properties.

const PROPERTIES = new Set(["value", "checked", "indeterminate", "selected", "disabled", "hidden", "open", "inert"]);
const SVG = "http://www.w3.org/2000/svg";

export function el(name, attributes = {}, ...children) {
  const [tag, ...marks] = name.split(/(?=[.#])/);
  const node = document.createElement(tag || "div");
  for (const mark of marks) {
    if (mark[0] === "#") node.id = mark.slice(1);
    else node.classList.add(mark.slice(1));
  }
  set(node, attributes);
  node.append(...flat(children));
  return node;
}

// Sets attributes as el() does.
export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on") && typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, one] of Object.entries(value)) node.style.setProperty(name, one);
    else if (key === "dataset") Object.assign(node.dataset, value);
    else if (key === "class") node.classList.add(...value.split(" ").filter(Boolean));
    else if (PROPERTIES.has(key)) node[key] = value ?? false;
    else if (value === false || value == null) node.removeAttribute(key);
    else node.setAttribute(key, value === true ? "" : value);
  }
  return node;
}

// Replaces what is in a node.
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

// Writes a text only where it differs, so that nothing is announced or laid out twice.
export function write(node, text) {
  const wanted = text == null ? "" : String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

// A drawing of 16 × 16 units in the colour of the text: drawing("M2 8h12"), decorative.
export function drawing(path, className = "drawing") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// Changes something; a focus that was inside the box and went with it lands on the box, not nowhere.
export function keepingFocus(box, change) {
  const inside = box.contains(document.activeElement);
  change();
  const now = document.activeElement;
  if (inside && (now === document.body || !now?.isConnected || now.closest("[hidden]"))) {
    box.tabIndex = -1;
    box.focus({preventScroll: true});
  }
}

// Hides a node, or shows it. A focus in what is hidden goes to the heir. For the same reason a button that can't be used
// just now is no `disabled` one, which loses the focus, but says so: {"aria-disabled": "true"}.
export function hide(node, hidden, heir) {
  if (hidden && node.contains(document.activeElement)) heir.focus({preventScroll: true});
  node.hidden = hidden;
}

// Calls fn once things have been quiet for some milliseconds; later.cancel() forgets it.
export function settled(fn, milliseconds) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...given), milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

// Calls fn at once, and then at most every so many milliseconds, the last call never lost.
export function paced(fn, milliseconds) {
  let timer = 0;
  let again = false;
  const run = () => {
    if (timer) {
      again = true;
      return;
    }
    fn();
    timer = setTimeout(() => {
      timer = 0;
      if (again) {
        again = false;
        run();
      }
    }, milliseconds);
  };
  run.cancel = () => {
    clearTimeout(timer);
    timer = 0;
    again = false;
  };
  return run;
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

const flat = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
