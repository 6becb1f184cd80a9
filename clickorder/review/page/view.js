// Shows the state; changes nothing of it but the scale.

import { $, current, entry, knownNames, stage, state, visible } from "./state.js";
import { KEYS, WORDS } from "./words.js";

const LARGEST_FIT = 4; // small pictures are enlarged, but not without end
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const COLOURS = [
  "#1a66c9", "#b3261e", "#14793a", "#8a3ffc", "#9f4a00",
  "#00707a", "#a8005c", "#5a5f00", "#3d4db7", "#6b4f3a",
];

const listed = new Map(); // name to its line in the list
const drawn = new Map(); // id to its element
let lines = []; // those in the list now
let scrolledTo = null; // the line that was brought into view

export function say(word, ...values) {
  return WORDS[state.language][word].replace(/\{(\d)\}/g, (_, place) => values[place]);
}

export function speak() {
  document.documentElement.lang = state.language === "zh" ? "zh-Hans" : "en";
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", say(one.dataset.label));
  }
  $("language").textContent = say("other");
  const own = (key) => (typeof key === "string" ? key : key[state.language]);
  $("keys").replaceChildren(...KEYS.flatMap(([keys, meaning]) => {
    const dt = make("dt");
    dt.append(...keys.map((key) => (own(key) === "…" ? "…" : make("kbd", "", own(key)))));
    return [dt, make("dd", "", meaning[state.language])];
  }));
  setStatus($("status").dataset.state);
  show();
}

export function make(tag, kind = "", text = "") {
  const one = document.createElement(tag);
  if (kind) one.className = kind;
  one.textContent = text;
  return one;
}

/** Say whether all is saved: `saved`, `changed`, `saving` or `failed`. */
export function setStatus(how) {
  $("status").dataset.state = how;
  $("status").textContent = (how === "saved" ? "✓ " : "") + say(how);
}

/** Fit the picture into the room there is. */
export function layOut() {
  if (!state.sheet) return;
  const style = getComputedStyle(stage);
  const room = (side, ...pads) => side - pads.reduce((sum, pad) => sum + parseFloat(style[pad]), 0);
  // Not clientWidth: the scroll bars of the last zoom are not to count.
  const width = room(stage.offsetWidth, "paddingLeft", "paddingRight");
  const height = room(stage.offsetHeight, "paddingTop", "paddingBottom");
  const fits = Math.min(width / state.sheet.width, height / state.sheet.height, LARGEST_FIT);
  const fit = Math.max(0.01, fits);
  state.scale = fit * state.zoom;
  $("sheet").style.width = `${state.sheet.width * state.scale}px`;
  $("sheet").style.height = `${state.sheet.height * state.scale}px`;
  stage.classList.toggle("zoomed", state.zoom > 1);
  $("picture").classList.toggle("enlarged", state.scale >= 3);
  $("zoom").textContent = `${Math.round(state.scale * 100)} %`;
  showBoxes();
}

export function show() {
  const reviewed = state.pictures.filter((one) => one.reviewed).length;
  $("folder").textContent = state.where;
  $("folder").title = state.where;
  $("progress").max = Math.max(1, state.pictures.length);
  $("progress").value = reviewed;
  $("count").textContent = say("count", reviewed, state.pictures.length);
  $("sheet").hidden = !state.sheet;
  $("nothing").hidden = Boolean(state.sheet);
  $("nothing").textContent = entry(current())?.failed || say("empty");
  $("done").disabled = !state.sheet;
  $("undo").disabled = !state.sheet?.past.length;
  $("redo").disabled = !state.sheet?.future.length;
  $("mode").setAttribute("aria-pressed", String(state.ordering));
  $("order-hint").hidden = !state.ordering;
  stage.classList.toggle("ordering", state.ordering);
  showList();
  showBoxes();
  showPanel();
}

export function showList() {
  const shown = visible();
  const name = current();
  for (const one of state.pictures) {
    const isHere = one.name === name;
    const told = `${one.reviewed} ${isHere}`;
    const line = listed.get(one.name) ?? newLine(one);
    // Thousands of lines: only what has changed is touched.
    if (line.dataset.told === told) continue;
    line.dataset.told = told;
    line.children[0].textContent = one.reviewed ? "✓" : "";
    line.setAttribute("aria-selected", String(isHere));
  }
  const wanted = shown.map((one) => listed.get(one.name));
  if (wanted.length !== lines.length || wanted.some((line, place) => line !== lines[place])) {
    lines = wanted;
    $("list").replaceChildren(...lines);
  }
  const here = listed.get(name);
  if (here?.isConnected && here !== scrolledTo) {
    $("list").setAttribute("aria-activedescendant", here.id);
    here.scrollIntoView({ block: "nearest" });
    scrolledTo = here;
  }
  const place = shown.findIndex((one) => one.name === name);
  tell(place < 0 ? say("empty") : say("where", place + 1, shown.length, name));
}

function newLine(one) {
  const line = make("li");
  line.id = `line-${listed.size}`;
  line.setAttribute("role", "option");
  line.title = one.name;
  line.dataset.name = one.name;
  const sure = make("span", "sure", percent(one.certainty));
  line.append(make("span", "mark"), make("span", "title", one.name), sure);
  listed.set(one.name, line);
  return line;
}

/** A word in the footer that goes away with the next picture. */
export function tell(text) { $("where").textContent = text; }

function percent(share) {
  return share === null || share === undefined || share > 1 ? "" : `${Math.round(share * 100)} %`;
}

function colour(label) {
  return COLOURS[Math.max(0, knownNames().indexOf(label)) % COLOURS.length];
}

export function showBoxes() {
  const boxes = state.sheet?.boxes ?? [];
  for (const [id, element] of drawn) {
    if (!boxes.some((box) => box.id === id)) {
      element.remove();
      drawn.delete(id);
    }
  }
  boxes.forEach((box, place) => {
    let element = drawn.get(box.id);
    if (!element) {
      element = make("div", "box");
      element.tabIndex = 0;
      element.dataset.id = box.id;
      element.setAttribute("role", "button");
      element.append(make("span", "tag"), make("span", "number"));
      drawn.set(box.id, element);
    }
    const there = $("boxes").children[place] ?? null;
    if (there !== element) $("boxes").insertBefore(element, there);
    const dragged = state.drag?.id === box.id ? state.drag.corners : null;
    put(element, dragged ?? [box.x1, box.y1, box.x2, box.y2]);
    element.style.setProperty("--box", colour(box.label));
    const [tag, number] = element.children;
    tag.textContent = box.label;
    number.hidden = box.order === null;
    number.textContent = box.order === null ? "" : box.order + 1;
    const told = say("boxIs", place + 1, boxes.length, box.label);
    element.setAttribute("aria-label", told + (box.order === null ? "" : say("placeIs", box.order + 1)));
    const isChosen = box.id === state.chosen;
    element.classList.toggle("chosen", isChosen);
    const handles = element.querySelectorAll(".handle");
    if (isChosen && !state.ordering && !handles.length) {
      element.append(...HANDLES.map((name) => {
        const handle = make("span", "handle");
        handle.dataset.handle = name;
        return handle;
      }));
    } else if (!isChosen || state.ordering) {
      handles.forEach((handle) => handle.remove());
    }
  });
}

/** The element of a box on the page. */
export const elementOf = (id) => drawn.get(id);

/** Put an element where the corners are, in pixels of the picture. */
export function put(element, [x1, y1, x2, y2]) {
  element.style.left = `${x1 * state.scale}px`;
  element.style.top = `${y1 * state.scale}px`;
  element.style.width = `${(x2 - x1) * state.scale}px`;
  element.style.height = `${(y2 - y1) * state.scale}px`;
}

export function showPanel() {
  const rows = (state.sheet?.boxes ?? []).map((box) => {
    const row = make("li", box.id === state.chosen ? "chosen" : "");
    row.dataset.id = box.id;
    row.style.setProperty("--box", colour(box.label));
    const sure = make("span", "sure", percent(box.confidence));
    row.append(make("span", "colour"), make("span", "title", box.label), sure);
    if (box.order !== null) row.append(make("span", "place", box.order + 1));
    return row;
  });
  if (!rows.length) rows.push(make("li", "none", say("noBoxes")));
  $("rows").replaceChildren(...rows);
  $("classes").replaceChildren(...knownNames().slice(0, 9).map((name, place) => {
    const button = make("button");
    button.tabIndex = -1; // the digit does the same
    button.style.setProperty("--box", colour(name));
    button.append(make("kbd", "", place + 1), name);
    button.dataset.place = place;
    return button;
  }));
}

// Where things are.

/** Where an event is, in pixels of the picture. */
export function point(event) {
  const seen = $("sheet").getBoundingClientRect();
  return [(event.clientX - seen.left) / state.scale, (event.clientY - seen.top) / state.scale];
}

export function zoomTo(wanted, event = null) {
  const seen = stage.getBoundingClientRect();
  const eye = event ?? { clientX: seen.left + seen.width / 2, clientY: seen.top + seen.height / 2 };
  const [x, y] = point(eye);
  state.zoom = Math.max(1, Math.min(16, wanted));
  layOut();
  const [nowX, nowY] = point(eye);
  stage.scrollBy((x - nowX) * state.scale, (y - nowY) * state.scale);
}
