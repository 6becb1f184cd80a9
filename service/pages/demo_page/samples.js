// Puzzles to try: our own generator drew them, and no model has been trained on them.

const PLACE = "page/samples/";

export const SAMPLES = [
  {
    title: "sampleWords", background: "text-words-00001.jpg", kind: "words",
    words: "痰 痈 釉 痪",
  },
  {
    title: "sampleIcons", background: "icon-list-00063.jpg", kind: "icons",
    icons: [
      "icon-list-00063.prompt0.png", "icon-list-00063.prompt1.png", "icon-list-00063.prompt2.png",
    ],
  },
  {
    title: "sampleImage", background: "icon-strip-00031.jpg", kind: "image",
    image: "icon-strip-00031.prompt.png",
  },
  {
    title: "sampleRegion", background: "composite-00056.webp", kind: "region",
    region: [0, 0, 502, 58],
  },
];

export async function fetchSample(name) {
  const response = await fetch(PLACE + name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}
