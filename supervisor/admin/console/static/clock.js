// The instance's clock.
import { call, get, post } from "/console/static/api.js";
import { attempt, field, html, mayOperate, mistakesOf, nothing, number, serves, time, unanswered, update, valuesOf } from "/console/static/ui.js";

export function clock(name) {
  const path = `/console/instances/${encodeURIComponent(name)}/clock`;
  let now = null, failure = null, mistakes = [], loading = false;
  async function load() {
    if (loading || !serves(name)) return;
    loading = true;
    try {
      now = await get(path);
      failure = null;
    } catch (error) {
      failure = error;
    }
    loading = false;
    update();
  }
  async function set(event) {
    event.preventDefault();
    mistakes = [];
    try {
      now = await call("PUT", path, { body: valuesOf(event.target) });
    } catch (error) {
      mistakes = mistakesOf(error);
    }
    update();
  }
  const advance = (body) => attempt((a) => `It is ${a.now}; ${a.events} events happened on the way`, () => post(`${path}/advance`, body)).then(load);
  const by = (event) => { event.preventDefault(); advance(valuesOf(event.target)); };
  const looking = setInterval(load, 1000);
  load();
  return {
    changed: () => { if (!now) load(); },
    leave: () => clearInterval(looking),
    draw: () => html`${unanswered(name, failure)}${now && serves(name) ? html`<div class="columns">
      <section class="card"><h2>Instance time</h2><dl>
        <dt>Now</dt><dd>${time(now.now)} UTC</dd><dt>Mode</dt><dd>${now.mode}${now.factor ? `, ${number(now.factor)} times as fast` : ""}</dd>
        <dt>Work is due next</dt><dd>${time(now.next_event)}</dd></dl>
        ${mayOperate() && now.mode === "manual" ? html`<form class="row" @submit=${by}>${field({ name: "by", label: "Advance by, such as 1h30m", required: true })}<button class="main">Advance</button>
          <button type="button" ?disabled=${!now.next_event} @click=${() => advance({ to_next_event: true })}>To the next event</button></form>` : nothing}</section>
      ${mayOperate() ? html`<section class="card"><h2>Set it</h2><form @submit=${set}>
        ${mistakes.filter((m) => !["mode", "factor", "now"].includes(m.key)).map((m) => html`<p class="mistake" role="alert">${m.text}</p>`)}
        <div class="fields">${field({ name: "mode", label: "Mode", kind: "choice", choices: ["real", "scaled", "manual"], value: now.mode }, mistakes)}
        ${field({ name: "factor", label: "Factor, of a scaled clock", kind: "number" }, mistakes)}
        ${field({ name: "now", label: "Where it begins; where it is unless given", placeholder: "2026-01-05T08:00:00Z" }, mistakes)}</div><button class="main">Set the clock</button></form></section>` : nothing}
    </div>` : nothing}`,
  };
}
