// The language of a page; the review page is served this file, too.

const LANGUAGES = ["en", "zh"];

export function firstLanguage() {
  const kept = remembered();
  if (LANGUAGES.includes(kept)) return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function rememberLanguage(language) {
  try { localStorage.setItem("language", language); } catch { /* it is only remembered */ }
}

function remembered() {
  try { return localStorage.getItem("language"); } catch { return null; }
}
