// Lists of what an instance holds, page by page, brought up to date as events happen.
import { get } from "/console/static/api.js";
import { html, nothing, repeat, serves, unanswered, update, valuesOf, version } from "/console/static/ui.js";

const page = 50, mostAtOnce = 1000, restBetween = 1000;

// list returns what shows a list: path of the instance's API, the member of its answer
// that holds the records, key what tells one record from others, filters (fields) and
// columns (title, of, kind).
export function list({ name, path, member, key, filters = [], preset = {}, columns, empty, label }) {
  let chosen = { ...preset }, records = null, next = null, failure = null, loading = false, again = false, seen = "", wanted = page, last = 0;
  const ending = new AbortController();

  async function load() {
    if (loading) {
      again = true;
      return;
    }
    again = false;
    seen = version(name);
    if (!serves(name)) return;
    loading = true;
    try {
      const answer = await get(`/console/instances/${encodeURIComponent(name)}${path}`, { ...chosen, limit: Math.min(wanted, mostAtOnce) }, ending.signal);
      records = answer[member] ?? [];
      next = answer.next_cursor;
      failure = null;
    } catch (error) {
      if (!ending.signal.aborted) failure = error;
    }
    loading = false;
    last = Date.now();
    update();
    if (again) load();
  }

  const filter = (event) => {
    event.preventDefault();
    chosen = valuesOf(event.target.form ?? event.target);
    wanted = page;
    load();
  };

  load();
  return {
    reload: load,
    leave: () => ending.abort(),
    // changed looks again when something happened, at most once a second.
    changed: () => {
      if (version(name) !== seen && Date.now() - last > restBetween) load();
    },
    draw: () => html`
      ${filters.length ? html`<form class="row" @submit=${filter} @change=${filter} role="search">
        ${filters.map((f) => html`<label><span>${f.label}</span>${f.choices
          ? html`<select name=${f.name}><option value="">all</option>${f.choices.map((c) => html`<option ?selected=${c === chosen[f.name]}>${c}</option>`)}</select>`
          : html`<input name=${f.name} value=${chosen[f.name] ?? ""} autocomplete="off" spellcheck="false">`}</label>`)}
        <button>Filter</button></form>` : nothing}
      ${unanswered(name, failure)}
      ${records === null ? failure || !serves(name) ? nothing : html`<p class="faint">Loading…</p>`
        : records.length === 0 ? html`<p>${empty}</p>`
          : html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="cards"><caption class="hidden">${label}</caption>
            <thead><tr>${columns.map((c) => html`<th class=${c.kind ?? ""}>${c.title}</th>`)}</tr></thead>
            <tbody>${repeat(records, key, (r) => html`<tr>${columns.map((c) => html`<td class=${c.kind ?? ""} data-label=${typeof c.title === "string" ? c.title : nothing}>${c.of(r)}</td>`)}</tr>`)}</tbody>
          </table></div>`}
      ${next && wanted < mostAtOnce ? html`<p><button @click=${() => { wanted += page; load(); }}>Show more</button></p>` : nothing}
      ${next && wanted >= mostAtOnce ? html`<p class="faint">There are more than ${mostAtOnce}; narrow the list down.</p>` : nothing}`,
  };
}
