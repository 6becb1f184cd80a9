// Boxes: drawn, moved, named and put in order, with the mouse and by the keyboard.

import { showDoubts } from "./banner.js";
import { NameField } from "./names.js";
import { holdSave, save, scheduleSave } from "./saving.js";
import { inside, moved } from "./sheet.js";
import { $, knownNames, stage, state } from "./state.js";
import { elementOf, point, put, say, show, showBoxes, showPanel, zoomTo } from "./view.js";

const CLICK_PX = 3; // a drag of less is a click

let held = 0; // how long an arrow key has been held

const names = new NameField({
  frame: $("naming"),
  input: $("name"),
  list: $("names"),
  known: knownNames,
  newName: (name) => say("newClass", name),
  accept: acceptName,
  cancel: cancelName,
});

export const commitName = () => names.commit();

/** Name what is being named, then save. */
export function flush() {
  commitName();
  return save();
}

export function choose(id) {
  if (state.chosen === id) return;
  state.chosen = id;
  showBoxes();
  showPanel();
}

/** Make a change; everything that changes boxes comes through here. */
export function edit(change) {
  if (!editable() || !change()) return false;
  if (!state.sheet.box(state.chosen)) state.chosen = null;
  scheduleSave();
  show();
  return true;
}

/** Whether boxes may be changed now; asks first where a change would lose something. */
function editable() {
  if (!state.sheet || state.busy) return false;
  if (state.sheet.locked) showDoubts();
  return !state.sheet.locked;
}

function addBox(corners) {
  const label = state.lastLabel ?? state.classes[0] ?? "item";
  const placed = inside(corners, state.sheet.width, state.sheet.height);
  const added = edit(() => {
    state.chosen = state.sheet.add(...placed, label);
    return true;
  });
  if (added) beginNaming(state.chosen, true);
}

export function beginNaming(id, isNew = false) {
  if (!editable()) return;
  const box = state.sheet.box(id);
  if (!box) return;
  holdSave();
  state.naming = { id, isNew };
  names.begin(box.label);
  const frame = $("naming");
  const room = frame.parentElement.getBoundingClientRect();
  const seen = elementOf(id).getBoundingClientRect();
  const height = Math.min(frame.offsetHeight, 230);
  const below = seen.bottom + 8 + height < room.bottom - 50;
  const top = below ? seen.bottom + 8 : Math.max(room.top + 4, seen.top - height - 26);
  const left = Math.max(room.left + 4, Math.min(seen.left, room.right - frame.offsetWidth - 4));
  frame.style.top = `${top - room.top}px`;
  frame.style.left = `${left - room.left}px`;
}

function acceptName(name) {
  const { id, isNew } = state.naming;
  state.naming = null;
  state.lastLabel = name;
  state.sheet.rename(id, name, isNew);
  if (state.sheet.dirty) scheduleSave();
  show();
  elementOf(id)?.focus({ preventScroll: true });
}

function cancelName() {
  const { id, isNew } = state.naming;
  state.naming = null;
  if (isNew) state.sheet.undo();
  if (!state.sheet.box(state.chosen)) state.chosen = null;
  if (state.sheet.dirty) scheduleSave();
  show();
  elementOf(id)?.focus({ preventScroll: true });
}

export function classify(place) {
  const name = knownNames()[place];
  if (name === undefined || state.chosen === null) return;
  state.lastLabel = name;
  edit(() => state.sheet.rename(state.chosen, name));
}

export function nudge(event, dx, dy) {
  const box = state.sheet?.box(state.chosen);
  if (!box) return;
  held = event.repeat ? held + 1 : 0;
  // One pixel as seen, or of the picture where that is more; faster when held.
  const far = Math.max(1, Math.round(1 / state.scale)) * (held > 8 ? 4 : 1);
  const corners = event.altKey
    ? [box.x1, box.y1, Math.max(box.x1 + 1, box.x2 + dx * far), Math.max(box.y1 + 1, box.y2 + dy * far)]
    : moved(box, dx * far, dy * far, state.sheet.width, state.sheet.height);
  edit(() => state.sheet.place(box.id, corners, `nudge ${box.id}`));
}

export function removeChosen() {
  if (state.chosen !== null) edit(() => state.sheet.remove(state.chosen));
}

export function middleBox() {
  if (!state.sheet) return;
  const [w, h] = [state.sheet.width / 8, state.sheet.height / 8];
  // Not on top of the one before.
  const far = (state.sheet.boxes.length % 4) * 6;
  const [x, y] = [state.sheet.width / 2 + far, state.sheet.height / 2 + far];
  addBox([x - w, y - h, x + w, y + h]);
}

export function toggleOrder(on = !state.ordering) {
  state.ordering = on;
  show();
}

$("boxes").addEventListener("focusin", (event) => {
  choose(Number(event.target.closest(".box").dataset.id));
});

// The mouse.

stage.addEventListener("pointerdown", (event) => {
  const bar = event.target === stage
    && (event.offsetX > stage.clientWidth || event.offsetY > stage.clientHeight);
  if (event.button !== 0 || !state.sheet || state.busy || bar) return;
  event.preventDefault();
  commitName();
  const at = point(event);
  const handle = event.target.dataset.handle;
  const box = handle ? state.sheet.box(state.chosen) : state.sheet.at(...at);
  if (state.ordering) {
    if (box) edit(() => state.sheet.number(box.id));
    return;
  }
  const from = { x: event.clientX, y: event.clientY, at };
  if (box && (handle || !event.shiftKey)) {
    choose(box.id);
    elementOf(box.id).focus({ preventScroll: true });
    state.drag = { ...from, id: box.id, handle };
  } else {
    choose(null);
    document.activeElement?.blur();
    state.drag = { ...from, id: null };
  }
  stage.setPointerCapture(event.pointerId);
});

stage.addEventListener("pointermove", (event) => {
  if (!state.drag) return;
  const [x, y] = point(event);
  const far = Math.hypot(event.clientX - state.drag.x, event.clientY - state.drag.y);
  if (!state.drag.far && far < CLICK_PX) return;
  if (!editable()) { state.drag = null; return; }
  state.drag.far = true;
  const box = state.drag.id === null ? null : state.sheet.box(state.drag.id);
  if (!box) {
    state.drag.corners = inside([...state.drag.at, x, y], state.sheet.width, state.sheet.height);
    $("drawing").hidden = false;
    put($("drawing"), state.drag.corners);
    return;
  }
  const dx = x - state.drag.at[0];
  const dy = y - state.drag.at[1];
  state.drag.corners = state.drag.handle
    ? pulled(box, state.drag.handle, dx, dy)
    : moved(box, dx, dy, state.sheet.width, state.sheet.height);
  showBoxes();
});

function pulled(box, handle, dx, dy) {
  const has = (side) => handle.includes(side);
  return inside([
    box.x1 + (has("w") ? dx : 0), box.y1 + (has("n") ? dy : 0),
    box.x2 + (has("e") ? dx : 0), box.y2 + (has("s") ? dy : 0),
  ], state.sheet.width, state.sheet.height);
}

stage.addEventListener("pointerup", () => {
  const done = state.drag;
  state.drag = null;
  $("drawing").hidden = true;
  if (!done?.corners) return;
  const thin = (low, high) => (done.corners[high] - done.corners[low]) * state.scale < CLICK_PX;
  if (done.id !== null) edit(() => state.sheet.place(done.id, done.corners));
  else if (!thin(0, 2) && !thin(1, 3)) addBox(done.corners);
});

stage.addEventListener("pointercancel", () => {
  state.drag = null;
  $("drawing").hidden = true;
  showBoxes();
});

stage.addEventListener("dblclick", (event) => {
  const box = state.sheet?.at(...point(event));
  if (box && !state.ordering) beginNaming(box.id);
});

stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTo(state.zoom * Math.exp(-event.deltaY / 300), event);
}, { passive: false });

$("rows").addEventListener("click", (event) => {
  const id = Number(event.target.closest("li")?.dataset.id);
  if (!id) return;
  if (state.ordering) edit(() => state.sheet.number(id));
  else elementOf(id).focus();
});
$("rows").addEventListener("dblclick", (event) => {
  const id = Number(event.target.closest("li")?.dataset.id);
  if (id && !state.ordering) beginNaming(id);
});
$("classes").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) classify(Number(button.dataset.place));
});
