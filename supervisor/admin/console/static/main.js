// The page as a whole: who is asking, where one is, and what is shown there.
import { render } from "/console/static/lit-html/lit-html.js";
import { follow, get, onUnauthorized, token } from "/console/static/api.js";
import { dialogElement, errorNotice, focusOn, html, nothing, onUpdate, showDialog, showMistakes, state, toast, update, wasAsked } from "/console/static/ui.js";
import { fleetPage } from "/console/static/fleet.js";
import { addPage } from "/console/static/add.js";
import { instancePage } from "/console/static/instance.js";
import { processPage } from "/console/static/process.js";

// page is what is shown: it has draw, and may have leave.
let page = { draw: () => nothing };
let leaveLive = () => {};

// decoded leaves a part of an address as it is that nothing was encoded in that way.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// route finds the page of an address such as #/instances/a/settlements.
function route() {
  const [path, search] = location.hash.slice(1).split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const query = new URLSearchParams(search ?? "");
  page.leave?.();
  switch (parts[0] ?? "") {
    case "": page = fleetPage(query); break;
    case "add": page = addPage(); break;
    case "process": page = processPage(); break;
    case "instances": page = parts[1] ? instancePage(parts[1], parts.slice(2), query) : fleetPage(query); break;
    default: page = { title: "Not found", draw: () => html`<p>There is no such page. <a href="#/">All instances</a></p>` };
  }
  document.title = page.title ? `${page.title} – Custodians` : "Custodians";
  followLive(parts[0] === "instances" ? parts[1] : "");
  update();
}

let tabShown = "";

// showTab brings the tab of this page into sight, where there is no room for all.
function showTab() {
  const tab = document.querySelector("nav.tabs [aria-current]");
  const shown = tabShown;
  tabShown = tab?.hash ?? "";
  if (tabShown !== shown) tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

let followed = null;

// followLive follows all instances, or the one that is shown.
function followLive(only) {
  if (followed === only) return;
  followed = only;
  leaveLive();
  state.rows = new Map();
  state.live = false;
  let anew = false;
  const ending = new AbortController();
  leaveLive = () => ending.abort();
  follow("/console/live", {
    signal: ending.signal, query: only ? { instance: only } : {},
    onState: (connection) => {
      state.connection = connection;
      if (connection === "connected") anew = true;
      update();
    },
    onEvent: ({ data }) => {
      if (ending.signal.aborted) return;
      // The first event of a connection has everything. Until it is there the page
      // stays as it is, with what is being typed into it.
      if (anew) state.rows = new Map();
      anew = false;
      take(JSON.parse(data));
    },
  });
}

const kept = 60, lapse = 5000;

function take({ instances, removed }) {
  for (const name of removed) {
    state.rows.delete(name);
    state.trends.delete(name);
  }
  for (const row of instances) state.rows.set(row.instance.name, row);
  state.live = true;
  page.changed?.();
  update();
}

// remember keeps the figures of the last minute, a second each. Those from before a
// while in which nobody looked are forgotten: the line would say that they are recent.
function remember() {
  if (state.connection !== "connected" || document.hidden) return;
  const at = Date.now();
  for (const [name, row] of state.rows) {
    const before = state.trends.get(name);
    const trend = before && at - before.at < lapse ? before : { rate: [], p99: [] };
    state.trends.set(name, { at, rate: [...trend.rate, row.rate ?? null].slice(-kept), p99: [...trend.p99, row.p99_ms ?? null].slice(-kept) });
  }
  page.changed?.();
  update();
}

// learn finds out who is asking; without a token that does, one is asked for.
async function learn() {
  try {
    state.about = await get("/console/about");
    state.signIn = null;
  } catch (error) {
    state.about = null;
    if (!state.signIn) state.failure = error;
    update();
    return;
  }
  state.failure = null;
  followed = null;
  route();
}

function signIn(event) {
  event.preventDefault();
  token.set(new FormData(event.target).get("token").trim());
  learn();
}

function signOut() {
  token.set("");
  leaveLive();
  page.leave?.();
  state.about = null;
  state.rows = new Map();
  state.signIn = { message: "" };
  update();
  learn();
}

const signInForm = () => html`<main class="card" id="main">
  <h1>Sign in</h1>
  <form @submit=${signIn}>
    ${state.signIn.message ? html`<p class="notice warn" role="alert">${state.signIn.message}</p>` : nothing}
    <label><span>Token of the admin API</span><input name="token" type="password" required autocomplete="off" spellcheck="false" autofocus></label>
    <p class="faint">It is kept by this tab alone, until it is closed. Its hash is in <code>admin.tokens</code> of the configuration.</p>
    <button class="main">Sign in</button>
  </form></main>`;

const connections = { connecting: "warn", connected: "good", lost: "bad", refused: "bad" };
const words = { connecting: "connecting", connected: "live", lost: "connection lost, trying again", refused: "refused" };

function here(path) {
  const now = location.hash.replace(/\?.*/, "") || "#/";
  return now === path ? "page" : nothing;
}

let places = []; // that what has the focus on the page is in, the nearest first

// noteFocus notes where the focus is before the page is drawn anew. What has it may be
// drawn no more; and a dialog gives it back to what it was asked for by.
function noteFocus() {
  const focused = document.activeElement;
  if (focused === document.body ? !wasAsked() : !focused.closest("dialog")) places = focused === document.body ? [] : placesOf(focused);
}

function placesOf(element) {
  const found = [];
  for (let e = element; (e = e.parentElement?.closest("tr, [role=group], [role=region], .card, main, body")); ) found.push(e);
  return found;
}

// keepFocus gives the focus to the nearest place where it was, if what had it is drawn
// no more: to the place, and not to the next button there, which does something else.
function keepFocus() {
  if (document.activeElement !== document.body || !places.length) return;
  const place = places.find((p) => p.isConnected);
  focusOn(place !== document.body ? place : document.querySelector("#main [autofocus]") ?? document.getElementById("main"), { preventScroll: true });
}

function draw() {
  const about = state.about;
  noteFocus();
  render(html`
    <a class="skip" href="#main" @click=${(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>To the content</a>
    <header class="top">
      <img src="/console/static/icon.svg" alt="" width="26" height="26"><strong>Custodians</strong>
      <nav aria-label="Console">${about ? html`
        <a href="#/" aria-current=${here("#/")}>Instances</a>
        <a href="#/add" aria-current=${here("#/add")}>Add</a>
        <a href="#/process" aria-current=${here("#/process")}>Process</a>` : nothing}
        <a href="/docs/">Documentation</a></nav>
      ${about ? html`
        <span role="status"><span class="badge ${connections[state.connection]}">${words[state.connection]}</span></span>
        <span class="who">${about.who}, ${about.role}</span>
        ${token.get() ? html`<button type="button" @click=${signOut}>Sign out</button>` : nothing}` : nothing}
    </header>
    ${state.signIn ? signInForm()
      : about ? html`<main id="main" tabindex="-1">${page.draw()}</main>`
      : html`<main id="main">${errorNotice(state.failure)}${state.failure ? html`<button @click=${learn}>Try again</button>` : nothing}</main>`}
    ${dialogElement()}
    <div class="toasts" aria-live="polite">${state.toasts.map((t) => html`<div class="notice ${t.tone}">${t.text}</div>`)}</div>`,
  document.getElementById("console"));
  showDialog();
  showTab();
  keepFocus();
  showMistakes();
}

onUpdate(draw);
onUnauthorized((refusal) => {
  leaveLive();
  state.signIn = { message: token.get() ? refusal.message : "" };
  update();
});
setInterval(remember, 1000);
addEventListener("hashchange", route);
addEventListener("unhandledrejection", (event) => toast(event.reason?.message ?? String(event.reason), "bad"));
learn();

