// The project's characters, in a dialog: each field is saved when it is left.

import {ask, show} from "./dialog.js";
import {el, fill} from "./dom.js";
import {announce} from "./notices.js";
import {labelled, problem} from "./storyboard-form.js";

// `board()` is the present board, `calls` the server's; `reload()` fetches the board anew and answers when it is there.
export function openCharacters(board, calls, reload) {
  const wrong = problem();
  const list = el("ol.people");
  const name = labelled("Name of a new character");
  const form = el("form.people-new", {onsubmit: add}, name.node, el("button", {type: "submit"}, "Add"));
  const shown = show({title: "Characters", content: [list, wrong.node, form], wide: true});
  let people = [];
  refresh();
  if (!people.length) name.input.focus();

  async function tried(deed) {
    wrong.clear();
    try {
      await deed();
      await reload();
    } catch (error) {
      wrong.show(error);
      return false;
    }
    refresh();
    return true;
  }

  async function add(event) {
    event.preventDefault();
    const wanted = name.input.value.trim();
    if (wanted && (await tried(() => calls.addCharacter({name: wanted})))) {
      name.input.value = "";
      announce(`${wanted} added.`);
    }
  }

  async function remove(one) {
    const body = "It is taken out of every sentence it appears in; those become dirty.";
    if (await ask({title: `Delete ${one.name}?`, body, confirm: "Delete", danger: true})) {
      await tried(() => calls.removeCharacter(one.id));
      name.input.focus();
    }
  }

  async function shift(one, position) {
    if (position < 0 || position >= people.length) return;
    await tried(() => calls.changeCharacter(one.id, {position}));
    announce(`${one.name} is number ${position + 1} of ${people.length}.`);
  }

  function change(one, changes) {
    return tried(() => calls.changeCharacter(one.id, changes));
  }

  // Characters that are there already keep their fields, and so what is being typed in them.
  function refresh() {
    const known = new Map(people.map((person) => [person.id, person]));
    people = board().characters.map((one) => known.get(one.id) ?? new Person(one.id, {remove, shift, change}));
    const nodes = people.map(({node}) => node);
    if (nodes.length !== list.children.length || nodes.some((node, index) => node !== list.children[index])) {
      const focused = document.activeElement;
      list.replaceChildren(...nodes);
      if (list.contains(focused)) focused.focus();
    }
    board().characters.forEach((one, index) => people[index].show(one, index));
  }

  return {refresh: () => shown.dialog.open && refresh()};
}

class Person {
  constructor(id, deeds) {
    Object.assign(this, {id, deeds});
    this.fields = {
      name: labelled("Name"),
      description: labelled("Description", {kind: "area"}),
      lora: labelled("LoRA", {placeholder: "file.safetensors or file.safetensors:0.8"}),
    };
    for (const [key, {input}] of Object.entries(this.fields))
      input.addEventListener("change", () => this.changed(key, input.value.trim()));
    this.references = el("ul.people-references");
    this.path = labelled("Add a reference picture", {placeholder: "references/ada.png"});
    this.path.input.addEventListener("keydown", (event) => event.key === "Enter" && this.attach());
    this.up = el("button.plain", {type: "button", onclick: () => deeds.shift(this.one, this.index - 1)}, "Up");
    this.down = el("button.plain", {type: "button", onclick: () => deeds.shift(this.one, this.index + 1)}, "Down");
    this.bin = el("button.plain", {type: "button", onclick: () => deeds.remove(this.one)}, "Delete");
    this.node = el(
      "li.person",
      {},
      el(
        "div.person-fields",
        {},
        Object.values(this.fields).map(({node}) => node),
      ),
      el(
        "div.person-references",
        {},
        el("h3", {}, "Reference pictures"),
        this.references,
        el("div.people-new", {}, this.path.node, el("button", {type: "button", onclick: () => this.attach()}, "Add")),
      ),
      el("div.board-buttons", {}, this.up, this.down, this.bin),
    );
  }

  async changed(key, value) {
    if (value === this.one[key]) return;
    this.fields[key].input.setAttribute("aria-invalid", String(!(await this.deeds.change(this.one, {[key]: value}))));
  }

  async attach() {
    const path = this.path.input.value.trim();
    if (path && (await this.deeds.change(this.one, {references: [...this.paths(), path]}))) this.path.input.value = "";
  }

  paths() {
    return this.one.references.map((reference) => reference.path);
  }

  show(one, index) {
    for (const [key, {input}] of Object.entries(this.fields)) {
      const typing = document.activeElement === input || (this.one && input.value.trim() !== this.one[key]);
      if (!typing) input.value = one[key] ?? "";
    }
    this.one = one;
    this.index = index;
    this.up.setAttribute("aria-label", `Move ${one.name} up`);
    this.down.setAttribute("aria-label", `Move ${one.name} down`);
    this.bin.setAttribute("aria-label", `Delete ${one.name}`);
    const written = JSON.stringify(one.references);
    if (written !== this.written)
      fill(
        this.references,
        one.references.map((reference) => this.reference(reference)),
      );
    this.written = written;
  }

  reference({path, picture}) {
    const without = () => this.deeds.change(this.one, {references: this.paths().filter((other) => other !== path)});
    return el(
      "li",
      {},
      picture
        ? el("img", {src: picture, alt: "", width: "72", height: "72", loading: "lazy"})
        : el("span.board-nopicture.small", {}, "no picture"),
      el("span.mono.small", {}, path),
      el("button.plain", {type: "button", "aria-label": `Remove ${path}`, onclick: without}, "Remove"),
    );
  }
}
