// The picture, and what is drawn on it.

import { CORNERS, regionOf } from "./prompt.js";
import { $, make, percent, say, state } from "./state.js";

export function showStage() {
  const { background, answer } = state;
  $("sheet").hidden = !background;
  $("invitation").hidden = Boolean(background);
  $("stage").classList.toggle("empty", !background);
  $("stage").classList.toggle("drawing", Boolean(background) && state.kind === "region");
  $("stage").classList.toggle("all", state.allBoxes);
  $("all-boxes").hidden = !answer;
  $("all-boxes").setAttribute("aria-pressed", String(state.allBoxes));
  $("background-name").textContent = "";
  if (background) {
    const { name, width, height, url } = background;
    if ($("picture").getAttribute("src") !== url) $("picture").src = url;
    const called = say("pictureOf", name, width, height);
    $("picture").alt = answer?.clicks.length ? say("pictureWith", called) : called;
    $("background-name").textContent = called;
    $("sheet").style.setProperty("--ratio", width / height);
    $("sheet").style.setProperty("--width", width);
  }
  showRegion();
  $("boxes").replaceChildren(...(answer?.boxes ?? []).map(({ box }) => placed("box", box)));
  $("clicks").replaceChildren(...(answer?.clicks ?? []).map(mark));
}

export function showRegion() {
  const region = state.background && state.kind === "region" ? regionOf() : null;
  $("region").hidden = !region;
  if (region) place($("region"), region);
}

/** Point at a box of the list; `box` is null when nothing is pointed at any more. */
export function pointAt(kind, index) {
  for (const shown of $("sheet").querySelectorAll(".pointed")) shown.classList.remove("pointed");
  if (index !== null) $(kind).children[index]?.classList.add("pointed");
}

function mark(click, index) {
  const [x1, y1, x2, y2] = click.box;
  const element = placed("click", click.box);
  const dot = make("i", "dot");
  // Of the box, as the dot lies in it.
  dot.style.left = `${(100 * (click.x + 0.5 - x1)) / (x2 - x1)}%`;
  dot.style.top = `${(100 * (click.y + 0.5 - y1)) / (y2 - y1)}%`;
  const tag = make("span", "tag");
  tag.append(make("b", "", String(index + 1)), make("span", "", percent(click.confidence, 0)));
  // At the upper rim there is no room above, at the right one none beside.
  const { width, height } = state.answer.image;
  tag.classList.toggle("below", y1 / height < 0.1 && y2 / height < 0.88);
  tag.classList.toggle("leftwards", x1 / width > 0.8);
  element.append(dot, tag);
  return element;
}

function placed(name, box) {
  const element = make("div", name);
  place(element, box);
  return element;
}

function place(element, [x1, y1, x2, y2]) {
  const { width, height } = state.answer?.image ?? state.background;
  element.style.left = `${(100 * x1) / width}%`;
  element.style.top = `${(100 * y1) / height}%`;
  element.style.width = `${(100 * (x2 - x1)) / width}%`;
  element.style.height = `${(100 * (y2 - y1)) / height}%`;
}

/** Let a person draw the region; `drawn` is called with every change of it. */
export function drawRegions(drawn) {
  let start = null;
  const sheet = $("sheet");
  const pixel = (event) => {
    const seen = $("picture").getBoundingClientRect();
    const { width, height } = state.background;
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    return [
      within(((event.clientX - seen.left) * width) / seen.width, width),
      within(((event.clientY - seen.top) * height) / seen.height, height),
    ];
  };
  sheet.addEventListener("pointerdown", (event) => {
    if (state.kind !== "region" || event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    start = pixel(event);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [ax, ay] = start;
    const [bx, by] = pixel(event);
    const box = [
      Math.floor(Math.min(ax, bx)), Math.floor(Math.min(ay, by)),
      Math.ceil(Math.max(ax, bx)), Math.ceil(Math.max(ay, by)),
    ];
    if (box[2] - box[0] < 2 || box[3] - box[1] < 2) return;
    CORNERS.forEach((id, side) => { $(id).value = box[side]; });
    drawn();
  });
  const end = () => { start = null; };
  sheet.addEventListener("pointerup", end);
  sheet.addEventListener("pointercancel", end);
}
