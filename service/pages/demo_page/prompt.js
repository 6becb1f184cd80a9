// What to click: the four kinds of prompt, and the parts of the request that they become.

import { nameApart } from "./pictures.js";
import { $, make, say, state } from "./state.js";

export const CORNERS = ["x1", "y1", "x2", "y2"];

const SEPARATORS = /[\s,、，;；]+/u;

/** Words as typed: separated, or else each Chinese character and each run of others. */
export function wordsOf(text) {
  const typed = text.trim();
  if (SEPARATORS.test(typed)) return typed.split(SEPARATORS).filter(Boolean);
  return typed.match(/<[^>]*>|\p{Script=Han}|[^\p{Script=Han}<]+|</gu) ?? [];
}

/** `[x1, y1, x2, y2]` in pixels of the background; null where it is none. */
export function regionOf() {
  const [x1, y1, x2, y2] = CORNERS.map((id) => $(id).valueAsNumber);
  const isBox = [x1, y1, x2, y2].every((side) => Number.isInteger(side)) && x1 < x2 && y1 < y2;
  return isBox ? [x1, y1, x2, y2] : null;
}

/** What is missing: a word of the page and the field to go to; null where nothing is. */
export function missing() {
  if (!state.background) return ["noBackground", "background-file"];
  return {
    words: () => (wordsOf($("words").value).length ? null : ["noWords", "words"]),
    icons: () => (state.icons.length ? null : ["noIcons", "icon-files"]),
    image: () => (state.image ? null : ["noImage", "image-file"]),
    region: () => (regionOf() ? null : ["noRegion", "x1"]),
  }[state.kind]();
}

const promptPictures = () => (
  { icons: state.icons, image: [state.image].filter(Boolean) }[state.kind] ?? []
);

/** The multipart parts of the request on the page; call it only where nothing is missing. */
export function parts() {
  const pictures = promptPictures();
  const found = [filePart("background", state.background)];
  found.push(...pictures.map((picture) => filePart(state.kind, picture)));
  if (state.kind === "words") found.push(json("words", wordsOf($("words").value)));
  if (state.kind === "region") found.push(json("region", regionOf()));
  const least = $("confidence").valueAsNumber / 100;
  // Left where it stands, the bound is the one that the service has by default.
  if ($("confidence").value !== $("confidence").defaultValue) {
    found.push(json("options", { min_confidence: least }));
  }
  for (const name of ["model", "site", "type"]) {
    const text = $(name).value.trim();
    if (text) found.push({ name, text });
  }
  return found;
}

const filePart = (name, picture) => ({ name, file: picture.name, picture });
const json = (name, value) => ({ name, text: JSON.stringify(value) });

export function showPrompt(changed) {
  nameApart([state.background, ...promptPictures()].filter(Boolean));
  for (const panel of document.querySelectorAll("[data-kind]")) {
    panel.hidden = panel.dataset.kind !== state.kind;
  }
  $(`kind-${state.kind}`).checked = true;
  $("word-list").replaceChildren(...wordsOf($("words").value).map((word) => make("li", "", word)));
  $("icon-list").replaceChildren(...state.icons.map((icon, place) => iconRow(icon, place, changed)));
  $("image-shown").hidden = !state.image;
  if (state.image) {
    $("image").src = state.image.url;
    const { name, width, height } = state.image;
    $("image-name").textContent = say("pictureOf", name, width, height);
  }
  $("confidence-shown").textContent = `${$("confidence").value} %`;
}

function iconRow(icon, place, changed) {
  const row = make("li");
  const image = make("img");
  image.src = icon.url;
  image.alt = say("icon", place + 1, icon.name);
  row.append(image, make("span", "title", icon.name));
  const act = (word, sign, enabled, change) => {
    const button = make("button", "small", sign);
    button.type = "button";
    button.dataset.act = word;
    button.setAttribute("aria-label", say(word, icon.name));
    button.title = say(word, icon.name);
    button.disabled = !enabled;
    button.addEventListener("click", () => {
      const to = change();
      changed();
      // The row was made anew; the keyboard stays with the icon that was moved.
      const rows = $("icon-list").children;
      const next = rows[Math.min(to, rows.length - 1)];
      const same = next?.querySelector(`[data-act=${word}]:enabled`);
      (same ?? next?.querySelector("button:enabled") ?? $("icon-files")).focus();
    });
    row.append(button);
  };
  act("earlier", "↑", place > 0, () => move(place, place - 1));
  act("later", "↓", place < state.icons.length - 1, () => move(place, place + 1));
  act("remove", "✕", true, () => {
    const [gone] = state.icons.splice(place, 1);
    URL.revokeObjectURL(gone.url);
    return place;
  });
  return row;
}

function move(from, to) {
  state.icons.splice(to, 0, ...state.icons.splice(from, 1));
  return to;
}
