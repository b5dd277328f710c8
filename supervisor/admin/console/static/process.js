// The process: its readiness, its log level, and what happened to its instances.
import { call, follow, get } from "/console/static/api.js";
import { attempt, badge, errorNotice, html, link, mayOperate, nothing, repeat, state, time, update } from "/console/static/ui.js";

const kept = 300;

export function processPage() {
  let ready = null, level = null, failure = null, happened = [];
  const ending = new AbortController();
  const fail = (error) => { if (!ending.signal.aborted) failure = error; update(); };
  // An unready process answers 503, and says how it is all the same.
  const look = () => fetch("/readyz").then((r) => r.json()).then((r) => { ready = r; update(); }, fail);
  get("/admin/v1/log-level").then((l) => { level = l.level; update(); }, fail);
  follow("/admin/v1/events", { signal: ending.signal, onEvent: ({ data }) => {
    happened = [...happened, JSON.parse(data)].slice(-kept);
    update();
  } });
  const looking = setInterval(look, 2000);
  look();
  const set = (event) => attempt((l) => `The log level is ${l.level}`, () => call("PUT", "/admin/v1/log-level", { body: { level: event.target.value } }))
    .then((l) => { level = l?.level ?? level; update(); });
  return {
    title: "Process",
    leave: () => { ending.abort(); clearInterval(looking); },
    draw: () => html`<h1>Process ${ready ? badge(ready.status) : nothing}</h1>${errorNotice(failure)}
      <div class="columns"><section class="card"><h2>This program</h2><dl>
        <dt>Version</dt><dd>${state.about.version.version}</dd><dt>Revision</dt><dd>${state.about.version.commit || "–"}</dd><dt>Go</dt><dd>${state.about.version.go}, ${state.about.version.os}/${state.about.version.arch}</dd>
        <dt>Not ready</dt><dd>${ready?.not_ready?.length ? repeat(ready.not_ready, (n) => n, (n) => html`<a href=${link("instances", n)}>${n}</a> `) : "none"}</dd></dl></section>
      <section class="card"><h2>Log level</h2>${level ? html`<label><span>Of the whole process, until it ends</span><select name="level" @change=${set} ?disabled=${!mayOperate()}>
        ${["debug", "info", "warn", "error"].map((l) => html`<option ?selected=${l === level}>${l}</option>`)}</select></label>` : nothing}
        <p class="faint"><a href="/openapi.json">OpenAPI document</a> of the admin API. Metrics are at <code>/metrics</code>, for those who have a token.</p></section></div>
      <section class="card"><h2>What happened to instances</h2>
        ${happened.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Changes in the life of instances, the newest first"><table class="cards"><thead><tr><th>Time</th><th>Instance</th><th>State</th><th>Why</th></tr></thead>
          <tbody>${repeat([...happened].reverse(), (e) => e, (e) => html`<tr><td>${time(e.time)}</td><td class="title"><a href=${link("instances", e.instance)}>${e.instance}</a></td><td>${badge(e.state)}</td><td class="wrap all">${e.detail ?? ""}</td></tr>`)}</tbody></table></div>`
        : html`<p>Nothing yet.</p>`}</section>`,
  };
}
