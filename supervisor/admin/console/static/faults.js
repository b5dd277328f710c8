// What goes wrong on purpose.
import { call, get, post } from "/console/static/api.js";
import { ask, attempt, html, mayOperate, nothing, repeat, serves, time, toast, unanswered, update, version } from "/console/static/ui.js";

const lasts = { name: "duration_s", label: "For how many seconds; until it is cleared unless given", kind: "number" };
const rate = (name, label) => ({ name, label, required: true, placeholder: "0.5" });

const kinds = [
  { path: "custodian-offline", text: "Take the custodian away", fields: [{ name: "error_message", label: "What callers are told" }, lasts] },
  { path: "delay-settlements", text: "Delay settlements", fields: [{ name: "delay_hours", label: "By how many hours of instance time", kind: "number", required: true }, lasts] },
  { path: "partial-settlement-failure", text: "Let settlements fail", fields: [rate("failure_rate", "Share that fails, above 0 and at most 1"), lasts] },
  { path: "reject-transfers", text: "Reject transfers", fields: [rate("rate", "Share that is rejected, above 0 and at most 1"), { name: "reason", label: "Why" }, lasts] },
  { path: "multi-sig-delays", text: "Slow approvers", fields: [{ name: "delay_multiplier", label: "How many times as slow", kind: "number", required: true }, lasts] },
  { path: "simulate-bank-holiday", text: "A bank holiday", fields: [{ name: "duration_hours", label: "For how many hours", kind: "number", required: true }] },
];

export function faults(name) {
  const path = `/console/instances/${encodeURIComponent(name)}/chaos`;
  let status = null, failure = null, loading = false, seen = "";
  async function load() {
    if (loading) return;
    seen = version(name);
    if (!serves(name)) return;
    loading = true;
    try {
      status = await get(`${path}/status`);
      failure = null;
    } catch (error) {
      failure = error;
    }
    loading = false;
    update();
  }
  const begin = (kind) => ask({ title: kind.text, fields: kind.fields, action: "Switch on", send: async (values) => {
    await post(`${path}/${kind.path}`, values);
    toast(`${kind.text}: on`);
    await load();
  } });
  const custom = () => ask({ title: "A rule of one's own", action: "Switch on",
    fields: [{ name: "rule", label: "Rule, as JSON", kind: "text", value: '{"effect": {"latency_ms": 250}, "duration_s": 60}' }],
    send: async ({ rule }) => {
      let body;
      try { body = JSON.parse(rule); } catch (error) { throw new Error(`The rule is no JSON: ${error.message}`); }
      await post(`${path}/rules`, body);
      await load();
    } });
  const clear = (rule) => attempt("Cleared", () => call("DELETE", `${path}/rules/${encodeURIComponent(rule.id)}`)).then(load);
  const clearAll = () => attempt("Everything is cleared", () => call("DELETE", `${path}/clear-all`)).then(load);
  load();
  return {
    changed: () => { if (version(name) !== seen) load(); },
    draw: () => html`${unanswered(name, failure)}
      ${mayOperate() ? html`<div class="card row" role="group" aria-label="Switch on">
        ${kinds.map((k) => html`<button @click=${() => begin(k)}>${k.text}</button>`)}<button @click=${custom}>A rule…</button></div>` : nothing}
      ${status ? html`<div class="card"><div class="row apart"><h2>Active rules</h2>${mayOperate() && status.rules?.length ? html`<button class="danger" @click=${clearAll}>Clear all</button>` : nothing}</div>
        ${status.rules?.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Active rules"><table class="cards"><thead><tr><th>Name</th><th>Effect</th><th>On</th><th>Since</th><th>Until</th><th><span class="hidden">Clear</span></th></tr></thead>
          <tbody>${repeat(status.rules, (r) => r.id, (r) => html`<tr><td class="title">${r.name || r.id}</td><td class="wrap" data-label="Effect"><code>${JSON.stringify(r.effect)}</code></td>
            <td class="wrap" data-label="On">${r.match ? html`<code>${JSON.stringify(r.match)}</code>` : "everything"}</td><td data-label="Since">${time(r.since)}</td><td data-label="Until">${r.until ? time(r.until) : "cleared"}</td>
            <td>${mayOperate() ? html`<button @click=${() => clear(r)}>Clear<span class="hidden"> ${r.name || r.id}</span></button>` : nothing}</td></tr>`)}</tbody></table></div>`
        : html`<p>Nothing goes wrong on purpose.</p>`}</div>` : nothing}`,
  };
}
