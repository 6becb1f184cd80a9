// What goes wrong, told above the picture, and what is done in turn.

import { $, state } from "./state.js";
import { layOut, make, say } from "./view.js";

let turn = Promise.resolve();

/** Do one thing after another, so that quick keys neither overtake each other nor get lost. */
export function inTurn(act) {
  turn = turn.then(act).catch((problem) => {
    banner("failed", problem.code === "lost" ? say("lost") : problem.message, []);
  });
  return turn;
}

export function banner(kind, text, buttons) {
  $("banner").dataset.kind = kind;
  $("banner-text").textContent = text;
  $("banner-buttons").replaceChildren(...buttons.map(([word, act]) => {
    const button = make("button", "", say(word));
    button.dataset.act = word;
    button.addEventListener("click", () => inTurn(act));
    return button;
  }));
  $("banner").hidden = false;
  layOut();
}

export function hideBanner(kind) {
  if ($("banner").hidden || (kind && $("banner").dataset.kind !== kind)) return;
  $("banner").hidden = true;
  layOut();
}

export function showDoubts() {
  if (!state.sheet.locked) return hideBanner("doubts");
  return banner("doubts", say("doubtful", state.sheet.doubts.join(" ")), [["editAnyway", () => {
    state.sheet.unlocked = true;
    hideBanner("doubts");
  }]]);
}
