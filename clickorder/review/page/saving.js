// Saving: one save at a time, and always the newest.

import { banner, hideBanner, showDoubts } from "./banner.js";
import * as folder from "./folder.js";
import { entry, state } from "./state.js";
import { say, setStatus, show } from "./view.js";

const SAVE_MS = 300;
const RETRY_MS = 3000;

let timer = null;
let saving = null;

export function scheduleSave() {
  clearTimeout(timer);
  setStatus("changed");
  // While a new box has no name yet, its provisional one must not become a class.
  if (!state.naming && !state.conflict) timer = setTimeout(save, SAVE_MS);
}

export const holdSave = () => clearTimeout(timer);

/** Save now; true once all of the picture is on disk. */
export function save() {
  clearTimeout(timer);
  saving ??= drain().finally(() => { saving = null; });
  return saving;
}

async function drain() {
  const mine = state.sheet;
  while (mine?.dirty && !state.conflict && !state.naming) {
    const revision = mine.revision;
    setStatus("saving");
    try {
      const answer = await folder.save(mine.name, mine.body());
      mine.version = answer.version;
      mine.doubts = answer.doubts;
      mine.saved = revision;
      state.classes = answer.classes;
      entry(mine.name).labelled = true;
    } catch (problem) {
      failed(problem);
      return false;
    }
  }
  if (mine?.dirty) return false;
  hideBanner("failed");
  setStatus("saved");
  return true;
}

function failed(problem) {
  setStatus("failed");
  if (problem.code === "labels_changed") {
    state.conflict = true;
    banner("conflict", say("conflict"), [["loadTheirs", loadTheirs], ["keepMine", keepMine]]);
  } else {
    banner("failed", problem.code === "lost" ? say("lost") : problem.message, [["retry", save]]);
    clearTimeout(timer);
    timer = setTimeout(save, RETRY_MS);
  }
}

async function loadTheirs() {
  state.sheet.take(await folder.read(state.sheet.name));
  state.conflict = false;
  state.chosen = null;
  hideBanner("conflict");
  setStatus("saved");
  showDoubts();
  show();
}

async function keepMine() {
  state.sheet.version = (await folder.read(state.sheet.name)).version;
  state.conflict = false;
  hideBanner("conflict");
  await save();
}
