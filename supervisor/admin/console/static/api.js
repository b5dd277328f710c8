// The calls of the console. What it is allowed to do is what the token allows.

const tokenKey = "custodian-admin-token";

// The token lives as long as the tab does.
export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? "",
  set: (text) => text ? sessionStorage.setItem(tokenKey, text) : sessionStorage.removeItem(tokenKey),
};

// Refusal is an answer that is no success: a problem as RFC 9457 describes it.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered with status ${status}`);
    this.status = status;
    this.problem = problem;
  }

  // mistakes are what is wrong, by the key of the field.
  get mistakes() {
    if (this.problem.problems?.length) return this.problem.problems.map((m) => ({ key: m.key ?? "", text: inWords(m) }));
    return [{ key: this.problem.field ?? "", text: this.message }];
  }
}

function inWords(m) {
  let text = m.message;
  if (m.allowed) text += `; allowed: ${m.allowed}`;
  if (m.suggestion) text += `; did you mean ${m.suggestion}?`;
  return text;
}

let refusedToken = () => {};

// onUnauthorized sets what is called when the server wants a token, or another one.
export function onUnauthorized(fn) { refusedToken = fn; }

function headers(more) {
  const all = { ...more };
  if (token.get()) all.Authorization = `Bearer ${token.get()}`;
  return all;
}

async function refusalOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch { /* whatever it was, it is no problem report */ }
  const refusal = new Refusal(response.status, problem);
  if (response.status === 401) refusedToken(refusal);
  return refusal;
}

// call returns the answer's JSON, or null where it has none.
export async function call(method, path, { body, query, signal, more } = {}) {
  const search = new URLSearchParams(Object.entries(query ?? {}).filter(([, v]) => v !== "" && v != null)).toString();
  let response;
  try {
    response = await fetch(search ? `${path}?${search}` : path, {
      method, signal, cache: "no-store",
      headers: headers(body === undefined ? more : { "Content-Type": "application/json", ...more }),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("the supervisor does not answer; is it running?");
  }
  if (!response.ok) throw await refusalOf(response);
  return response.status === 204 ? null : response.json();
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, query) => call("POST", path, { body, query });

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// visible resolves once somebody looks at the page.
const visible = () => new Promise((resolve) => {
  if (!document.hidden) return resolve();
  document.addEventListener("visibilitychange", () => resolve(), { once: true });
});

// follow reads server-sent events until signal ends. An EventSource cannot send a
// token, so this is done by hand. While nobody looks at the page nothing is read.
export async function follow(path, { signal, onEvent, onState = () => {}, query = {} }) {
  let last = "";
  for (let backoff = 500; !signal.aborted; backoff = Math.min(2 * backoff, 10000)) {
    await visible();
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    try {
      const search = new URLSearchParams(query).toString();
      const response = await fetch(search ? `${path}?${search}` : path, {
        signal: AbortSignal.any([signal, hidden.signal]), cache: "no-store",
        headers: headers({ Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) }),
      });
      if (!response.ok) throw await refusalOf(response);
      onState("connected");
      backoff = 500;
      for await (const event of parse(response.body)) {
        if (event.id) last = event.id;
        onEvent(event);
      }
      onState("lost");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status < 500 && error.status !== 429) {
        onState("refused", error);
        return;
      }
      if (!hidden.signal.aborted) onState("lost", error);
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
    if (!hidden.signal.aborted) await pause(backoff);
  }
}

async function* parse(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const event = { id: "", name: "message", data: "" };
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("id: ")) event.id = line.slice(4);
        else if (line.startsWith("event: ")) event.name = line.slice(7);
        else if (line.startsWith("data: ")) event.data += line.slice(6);
      }
      if (event.data) yield event;
    }
  }
}
