// What all parts of the page know of.

import { firstLanguage } from "./language.js";

export const state = {
  language: firstLanguage(),
  where: "", // the folder's path
  classes: [],
  pictures: [],
  sheet: null, // the picture on the page; null where it cannot be shown
  chosen: null, // id of a box
  ordering: false,
  zoom: 1,
  scale: 1, // screen pixels of one pixel of the picture
  lastLabel: null,
  naming: null, // the box that is being named: { id, isNew }
  drag: null,
  conflict: false, // somebody else changed the labels; nothing is saved until it is settled
  busy: false, // the next picture is being loaded
};

export const $ = (id) => document.getElementById(id);
export const stage = $("stage");

export const entry = (name) => state.pictures.find((one) => one.name === name);

/** Name of the picture on the page, also where it cannot be shown. */
export function current() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // somebody typed half an escape
  }
}

export function visible() {
  const filter = $("filter").value;
  if (filter === "unreviewed") {
    return state.pictures.filter((one) => !one.reviewed || one.name === state.sheet?.name);
  }
  if (filter === "uncertain") {
    const rank = (one) => one.certainty ?? Number.MAX_VALUE;
    return [...state.pictures].sort((a, b) => rank(a) - rank(b));
  }
  return state.pictures;
}

export function knownNames() {
  // The provisional name of a new box is none yet.
  const fresh = state.naming?.isNew ? state.naming.id : null;
  const used = (state.sheet?.boxes ?? []).filter((box) => box.id !== fresh);
  return [...new Set([...state.classes, ...used.map((box) => box.label)])];
}
