// What all parts of the page know of, and how they say it.

import { firstLanguage } from "./language.js";
import { WORDS } from "./words.js";

/** A picture is `{ file, name, url, width, height }`; `name` is unique within a request. */
export const state = {
  language: firstLanguage(),
  background: null,
  kind: "words", // of the prompt: words, icons, image, region
  icons: [],
  image: null,
  tongue: "curl", // what the lines of the request are written in
  answer: null, // what the service said to the request on the page
  roundTrip: 0, // milliseconds
  allBoxes: false,
  keyWanted: false,
};

export const $ = (id) => document.getElementById(id);

export function say(word, ...values) {
  return WORDS[state.language][word].replace(/\{(\d)\}/g, (_, place) => values[place]);
}

export const has = (word) => word in WORDS[state.language];

export function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

/** Rounded down, as 100 % would be a promise; a little is added for 0.29, which is a bit less. */
export function percent(share, digits = 1) {
  const unit = 10 ** digits;
  return `${(Math.floor(100 * share * unit + 1e-6) / unit).toFixed(share === 1 ? 0 : digits)} %`;
}

// The key stays in this tab, and nowhere but here.

export function keptKey() {
  try { return sessionStorage.getItem("clickorder-key") ?? ""; } catch { return ""; }
}

export function keepKey(key) {
  try {
    if (key) sessionStorage.setItem("clickorder-key", key);
    else sessionStorage.removeItem("clickorder-key");
  } catch { /* then it is typed again */ }
}
