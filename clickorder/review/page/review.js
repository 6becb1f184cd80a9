// The page: pictures one after another, boxes drawn on them, everything saved as it changes.

import { banner, hideBanner, inTurn, showDoubts } from "./banner.js";
import {
  beginNaming, choose, classify, commitName, edit, flush, middleBox, nudge, removeChosen, toggleOrder,
} from "./boxes.js";
import * as folder from "./folder.js";
import { Sheet } from "./sheet.js";
import { $, current, entry, stage, state, visible } from "./state.js";
import { layOut, say, setStatus, show, speak, tell, zoomTo } from "./view.js";
import { rememberLanguage } from "./language.js";

const sheets = new Map(); // name to what was loaded, with all that can be undone

async function goTo(name) {
  if (!(await flush())) return false;
  state.busy = true;
  try {
    const sent = await folder.read(name);
    const kept = sheets.get(name);
    state.sheet = kept?.version === sent.version ? kept : new Sheet(sent);
    sheets.set(name, state.sheet);
    state.classes = sent.classes;
    entry(name).reviewed = sent.reviewed;
    entry(name).failed = "";
    const picture = $("picture");
    picture.src = sent.picture;
    await picture.decode().catch(() => {});
  } catch (problem) {
    if (problem.code === "lost") throw problem;
    state.sheet = null;
    entry(name).failed = problem.message;
  } finally {
    state.busy = false;
  }
  state.chosen = null;
  state.zoom = 1;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  document.title = `${name} · clickorder review`;
  hideBanner();
  setStatus("saved");
  if (state.sheet) showDoubts();
  layOut();
  show();
  preload();
  return true;
}

async function step(by) {
  if (!(await flush())) return;
  const shown = visible();
  const place = shown.findIndex((one) => one.name === current());
  const next = shown[place + by];
  if (by > 0 && state.sheet?.touched) await mark(true);
  if (next) {
    await goTo(next.name);
  } else {
    const done = state.pictures.every((one) => one.reviewed);
    tell(say(by < 0 ? "first" : done ? "allDone" : "last"));
  }
}

async function finish() {
  if (!(await flush())) return;
  if (state.sheet) await mark(true);
  await step(1);
}

async function mark(reviewed) {
  state.sheet.touched = false;
  await folder.mark(state.sheet.name, reviewed);
  entry(state.sheet.name).reviewed = reviewed;
  show();
}

function preload() {
  const shown = visible();
  const next = shown[shown.findIndex((one) => one.name === current()) + 1];
  if (next) folder.read(next.name).then((sent) => { new Image().src = sent.picture; }).catch(() => {});
}

async function start() {
  const sent = await folder.list();
  state.where = sent.folder;
  state.classes = sent.classes;
  state.pictures = sent.pictures;
  const uncertain = $("filter").querySelector("[value=uncertain]");
  uncertain.hidden = state.pictures.every((one) => one.certainty === null);
  const wanted = entry(current()) ?? firstToDo();
  if (wanted) await goTo(wanted.name);
  show();
}

function firstToDo() {
  const shown = visible();
  return shown.find((one) => !one.reviewed) ?? shown[0];
}

// Buttons and lists.

$("previous").addEventListener("click", () => inTurn(() => step(-1)));
$("next").addEventListener("click", () => inTurn(() => step(1)));
$("done").addEventListener("click", () => inTurn(finish));
$("mode").addEventListener("click", () => toggleOrder());
$("undo").addEventListener("click", () => edit(() => state.sheet.undo()));
$("redo").addEventListener("click", () => edit(() => state.sheet.redo()));
$("zoom").addEventListener("click", () => zoomTo(1));
$("language").addEventListener("click", () => {
  state.language = state.language === "en" ? "zh" : "en";
  rememberLanguage(state.language);
  speak();
});
$("filter").addEventListener("change", () => inTurn(async () => {
  const first = firstToDo();
  $("list").focus();
  if (first && first.name !== current()) await goTo(first.name);
  show();
}));
$("list").addEventListener("click", (event) => {
  const line = event.target.closest("li");
  if (line) inTurn(() => goTo(line.dataset.name));
});

// The keyboard.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.isComposing || target.closest("select, input")) return;
  if ([" ", "Enter"].includes(event.key) && target.closest("button")) return;
  const act = command(event);
  if (!act) return;
  event.preventDefault();
  // What the key means is decided now; when it is done, after what the keys before it do.
  inTurn(act);
});

function command(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "y" || (key === "z" && event.shiftKey)) return () => edit(() => state.sheet.redo());
    if (key === "z") return () => edit(() => state.sheet.undo());
    return key === "s" ? flush : null;
  }
  if (ARROWS[key] && (event.shiftKey || event.altKey)) return () => nudge(event, ...ARROWS[key]);
  if (event.altKey) return null;
  if (key === "Tab") {
    // From nowhere to the boxes; from there on as everywhere.
    const boxes = event.target === document.body ? [...$("boxes").children] : [];
    return boxes.length ? () => boxes.at(event.shiftKey ? -1 : 0).focus() : null;
  }
  if (/^[1-9]$/.test(key)) return () => classify(Number(key) - 1);
  if (event.target === $("list") && key === "ArrowDown") return () => step(1);
  if (event.target === $("list") && key === "ArrowUp") return () => step(-1);
  return {
    ArrowRight: () => step(1), n: () => step(1), d: () => step(1), PageDown: () => step(1),
    ArrowLeft: () => step(-1), p: () => step(-1), a: () => step(-1), PageUp: () => step(-1),
    " ": finish,
    r: () => state.sheet && mark(!entry(state.sheet.name).reviewed),
    o: () => toggleOrder(),
    w: middleBox,
    Enter: () => {
      if (state.chosen === null) return;
      if (state.ordering) edit(() => state.sheet.number(state.chosen));
      else beginNaming(state.chosen);
    },
    Delete: removeChosen,
    Backspace: () => (state.ordering ? edit(() => state.sheet.unnumberLast()) : removeChosen()),
    Escape: () => {
      if (state.ordering) return toggleOrder(false);
      document.activeElement?.blur();
      return choose(null);
    },
    "+": () => zoomTo(state.zoom * 1.5),
    "=": () => zoomTo(state.zoom * 1.5), // the same key without Shift
    "-": () => zoomTo(state.zoom / 1.5),
    0: () => zoomTo(1),
  }[key];
}

// The window.

new ResizeObserver(layOut).observe(stage);

window.addEventListener("focus", () => inTurn(async () => {
  if (!state.sheet || state.sheet.dirty || state.naming || state.drag) return;
  const sent = await folder.read(state.sheet.name);
  if (sent.version === state.sheet.version || state.sheet.dirty) return;
  state.sheet.take(sent);
  state.classes = sent.classes;
  showDoubts();
  show();
}));

window.addEventListener("beforeunload", (event) => {
  commitName();
  if (!state.sheet?.dirty) return;
  flush();
  event.preventDefault();
});

window.addEventListener("hashchange", () => {
  if (entry(current()) && current() !== state.sheet?.name) inTurn(() => goTo(current()));
});

speak();
inTurn(start);
