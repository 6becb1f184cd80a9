// The request itself.

import { keptKey } from "./state.js";

export const address = () => new URL("solve", document.baseURI).href;

/** What the service says instead of an answer; `problem` is RFC 9457's, or null. */
export class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail ?? `status ${status}`);
    this.status = status; // 0 where nothing answers
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export async function solve(parts, signal) {
  const form = new FormData();
  for (const { name, text, picture } of parts) {
    if (picture) form.append(name, picture.file, picture.name);
    else form.append(name, text);
  }
  const key = keptKey();
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const start = performance.now();
  let response;
  try {
    response = await fetch(address(), { method: "POST", body: form, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, null, null);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null || !Array.isArray(body.clicks)) {
    const isOurs = typeof body?.detail === "string";
    throw new Refusal(response.status, isOurs ? body : null, response.headers.get("Retry-After"));
  }
  return { answer: body, roundTrip: performance.now() - start };
}
