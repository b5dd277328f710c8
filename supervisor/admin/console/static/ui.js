// What several pages share: the state of the page, and small pieces to draw.
import { html, svg, nothing } from "/console/static/lit-html/lit-html.js";
import { repeat } from "/console/static/lit-html/directives/repeat.js";
import { Refusal } from "/console/static/api.js";

// Rows that others may come before are drawn with repeat: whoever has the focus in one
// is then still in the same.
export { html, svg, nothing, repeat };

// state is all that is drawn. What changes it calls update.
export const state = {
  about: null, // who is asking, and what there is to choose from
  rows: new Map(), // of the live stream, by the name of the instance
  trends: new Map(), // the last figures of each, oldest first
  connection: "connecting",
  signIn: null, // why a token is asked for, or null
  dialog: null,
  toasts: [],
};

let draw = () => {};
let asked = false;

export function onUpdate(fn) { draw = fn; }

// update draws the page anew, once for all that changes within a frame.
export function update() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
}

export const mayOperate = () => state.about?.role === "operate";

const tones = {
  running: "good", ready: "good", COMPLETED: "good", SETTLED: "good", ACTIVE: "good", APPROVED: "good",
  paused: "warn", pending: "warn", starting: "warn", draining: "warn", degraded: "warn",
  PENDING: "warn", IN_PROGRESS: "warn", AWAITING_APPROVAL: "warn", FROZEN: "warn", HELD: "warn",
  failed: "bad", FAILED: "bad", REJECTED: "bad", RETURNED: "bad", EXPIRED: "bad",
};

export const badge = (text) => html`<span class="badge ${tones[text] ?? ""}">${text}</span>`;

export const errorNotice = (error) => error
  ? html`<div class="notice bad" role="alert">${error.message}</div>` : nothing;

export const number = (n) => n == null ? "–" : Number(n).toLocaleString("en", { maximumFractionDigits: 2 });

export const milliseconds = (ms) => ms == null ? "–" : `${ms >= 100 ? Math.round(ms) : ms} ms`;

// time shows an instant in UTC, as all of a custodian's books are kept.
export const time = (text) => text
  ? html`<time datetime=${text}>${text.slice(0, 19).replace("T", " ")}</time>` : "–";

export function ago(text) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(text)) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// line draws figures over time. Its label says in words what it shows.
export function line(figures, label, kind = "spark") {
  const known = figures.filter((f) => f != null);
  const most = Math.max(...known, 0.001);
  const width = 60;
  const points = figures.map((f, i) => f == null ? "" : `${i + width - figures.length},${(19 - 18 * f / most).toFixed(2)}`).join(" ");
  return html`<svg class=${kind} viewBox="0 0 ${width - 1} 20" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${svg`<polyline points=${points} />`}</svg>`;
}

// chart is a line with its figures in words below it.
export function chart(figures, title, inWords) {
  const known = figures.filter((f) => f != null), now = figures.at(-1);
  const text = `now ${inWords(now)}, at most ${inWords(known.length ? Math.max(...known) : null)} in the last minute`;
  return html`<section class="card"><h2>${title}</h2>${line(figures, `${title}: ${text}`, "chart")}<p class="faint">${text}</p></section>`;
}

// toast says for a while what happened.
export function toast(text, tone = "good") {
  const entry = { text, tone };
  state.toasts = [...state.toasts.slice(-2), entry];
  update();
  setTimeout(() => {
    state.toasts = state.toasts.filter((other) => other !== entry);
    update();
  }, tone === "bad" ? 12000 : 5000);
}

// attempt does something, and says what became of it.
export async function attempt(done, fn) {
  try {
    const result = await fn();
    if (done) toast(typeof done === "function" ? done(result) : done);
    return result;
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 401)) toast(error.message, "bad");
    return undefined;
  } finally {
    update();
  }
}

// ask opens a dialog with a form. Its fields are those of [field]; send gets their
// values, and what it throws is shown beside the fields that it names.
export function ask({ title, text, fields = [], action, danger, send }) {
  state.dialog = { title, text, fields, action, danger, send, mistakes: [], busy: false };
  update();
}

function closeDialog() {
  state.dialog = null;
  update();
}

async function submitDialog(event) {
  event.preventDefault();
  const dialog = state.dialog;
  if (dialog.busy) return;
  const values = valuesOf(event.target);
  dialog.busy = true;
  dialog.mistakes = [];
  update();
  try {
    await dialog.send(values);
    if (state.dialog === dialog) state.dialog = null;
  } catch (error) {
    if (state.dialog === dialog) dialog.mistakes = mistakesOf(error);
    else toast(error.message, "bad");
  } finally {
    dialog.busy = false;
    update();
  }
}

let refused = false; // whether what is wrong gets the focus when it is drawn

// mistakesOf returns what is wrong with a form that was sent, and has the focus go there.
export function mistakesOf(error) {
  refused = true;
  return error instanceof Refusal ? error.mistakes : [{ key: "", text: error.message }];
}

// showMistakes gives the focus to the first mistake of a form that was refused.
export function showMistakes() {
  const within = document.querySelector("dialog[open]") ?? document.getElementById("main");
  if (refused) focusOn(within?.querySelector("[aria-invalid=true], [role=alert]"));
  refused = false;
}

// focusOn gives the focus to whatever it is, for keys to go on from there.
export function focusOn(element, options) {
  if (element && element.tabIndex < 0) element.tabIndex = -1; // an attribute that it may lack
  element?.focus(options);
}

// valuesOf returns what a form's fields hold, those that are empty left out.
export function valuesOf(form) {
  const values = {};
  for (const element of form.elements) {
    if (!element.name) continue;
    if (element.type === "checkbox") values[element.name] = element.checked;
    else if (element.value.trim() !== "") values[element.name] = element.type === "number" ? Number(element.value) : element.value.trim();
  }
  return values;
}

// field is a labelled field with what is wrong with it. Its mistakes are those whose
// key is its name.
export function field(f, mistakes = []) {
  const wrong = mistakes.filter((m) => m.key === f.name).map((m) => m.text).join("; ");
  const id = `mistake-${f.name}`;
  const invalid = wrong ? "true" : "false";
  let control;
  if (f.kind === "check") {
    return html`<label class="check"><input type="checkbox" name=${f.name} ?checked=${f.value}><span>${f.label}</span></label>`;
  } else if (f.kind === "choice") {
    control = html`<select name=${f.name} aria-invalid=${invalid} aria-describedby=${id}>
      ${f.choices.map((c) => html`<option value=${c.value ?? c} ?selected=${(c.value ?? c) === f.value}>${c.text ?? c}</option>`)}</select>`;
  } else if (f.kind === "text") {
    control = html`<textarea name=${f.name} aria-invalid=${invalid} aria-describedby=${id} spellcheck="false" placeholder=${f.placeholder ?? ""}>${f.value ?? ""}</textarea>`;
  } else {
    control = html`<input name=${f.name} type=${f.kind ?? "text"} .defaultValue=${f.value ?? ""} ?required=${f.required} placeholder=${f.placeholder ?? ""}
      autocomplete="off" spellcheck="false" aria-invalid=${invalid} aria-describedby=${id}>`;
  }
  return html`<label><span>${f.label}</span>${control}<p class="mistake" id=${id} ?hidden=${!wrong}>${wrong}</p></label>`;
}

// others lists the mistakes that belong to none of the fields.
export function others(mistakes, fields) {
  const rest = mistakes.filter((m) => !fields.some((f) => f.name === m.key));
  if (!rest.length) return nothing;
  return html`<div class="notice bad" role="alert">${rest.length === 1 ? `${rest[0].key ? `${rest[0].key}: ` : ""}${rest[0].text}`
    : html`<ul>${rest.map((m) => html`<li>${m.key ? `${m.key}: ` : ""}${m.text}</li>`)}</ul>`}</div>`;
}

// dialogElement shows state.dialog. The browser keeps the focus within it and closes
// it with Escape.
export function dialogElement() {
  const d = state.dialog;
  return html`<dialog aria-labelledby="dialog-title" @close=${dialogClosed}>
    ${d ? html`<form @submit=${submitDialog}>
      <h2 id="dialog-title">${d.title}</h2>
      ${d.text ? html`<p>${d.text}</p>` : nothing}
      ${others(d.mistakes, d.fields)}
      ${d.fields.map((f) => field(f, d.mistakes))}
      <div class="row"><button class=${d.danger ? "danger" : "main"} aria-disabled=${d.busy}>${d.action}</button>
      <button type="button" @click=${closeDialog}>Cancel</button></div>
    </form>` : html`<h2 id="dialog-title"></h2>`}
  </dialog>`;
}

let shown = null; // the dialog that the element was last opened for
let open = false; // whether it was when the page was last drawn

export const wasAsked = () => open;

// showDialog opens or closes the element as the state says.
export function showDialog() {
  const element = document.querySelector("dialog");
  if (state.dialog && !element.open) element.showModal();
  if (!state.dialog && element.open) element.close();
  shown = state.dialog ?? shown;
  open = element.open;
}

// dialogClosed takes note that the browser has closed the element. It tells so
// somewhat later: by then the next dialog may be asked for, or open.
function dialogClosed(event) {
  if (state.dialog === shown && !event.target.open) closeDialog();
}

// serves reports whether an instance answers, as far as the live stream has told.
export const serves = (name) => state.rows.get(name)?.instance.state === "running";

// unanswered says why an instance tells nothing new: it does not run, or it refused.
export const unanswered = (name, error) => state.rows.has(name) && !serves(name)
  ? html`<div class="notice warn">It is ${state.rows.get(name).instance.state}, and answers once it runs.</div>` : errorNotice(error);

// version changes with what an instance holds, and with whether it tells of it.
export function version(name) {
  const i = state.rows.get(name)?.instance;
  return i ? `${i.state} ${i.durable_sequence}` : "";
}

// link is the address of a page of the console.
export function link(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}
