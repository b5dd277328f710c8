// One instance: how it is, and what can be done to it.
import { badge, chart, html, link, mayOperate, milliseconds, nothing, number, repeat, ago, state } from "/console/static/ui.js";
import { lifecycle, operate } from "/console/static/operate.js";
import { accounts, balances, positions } from "/console/static/books.js";
import { settlement, settlements } from "/console/static/settlements.js";
import { transfers } from "/console/static/transfers.js";
import { clock } from "/console/static/clock.js";
import { faults } from "/console/static/faults.js";
import { events } from "/console/static/events.js";
import { configuration } from "/console/static/configuration.js";

const tabs = [
  { key: "", text: "Overview", make: overview },
  { key: "accounts", text: "Accounts", make: accounts },
  { key: "positions", text: "Positions", make: positions },
  { key: "balances", text: "Balances", make: balances },
  { key: "settlements", text: "Settlements", make: (name, query, id) => id ? settlement(name, id) : settlements(name, query) },
  { key: "transfers", text: "Transfers", make: transfers, count: (r) => r.pending_approvals },
  { key: "clock", text: "Clock", make: clock },
  { key: "faults", text: "Faults", make: faults, count: (r) => r.active_faults },
  { key: "events", text: "Events", make: events },
  { key: "configuration", text: "Configuration", make: configuration },
];

export function instancePage(name, [key = "", id], query) {
  const tab = tabs.find((t) => t.key === key) ?? tabs[0];
  const content = tab.make(name, query, id);
  return {
    title: `${name}${tab.key ? `, ${tab.text}` : ""}`,
    leave: () => content.leave?.(),
    changed: () => content.changed?.(),
    draw: () => {
      const row = state.rows.get(name);
      if (!row) return html`<h1>${name}</h1><p>${state.live ? html`There is no such instance. <a href="#/">All instances</a>` : "Looking for it…"}</p>`;
      const i = row.instance;
      return html`
        <h1>${name} ${badge(i.state)} ${i.degraded ? badge("degraded") : nothing}</h1>
        ${i.degraded ? html`<div class="notice warn">${i.degraded_by}</div>` : nothing}
        ${i.last_error ? html`<div class="notice bad">${i.last_error}</div>` : nothing}
        ${progressOf(i)}
        ${mayOperate() ? html`<div class="row card" role="group" aria-label="Actions">
          ${repeat(lifecycle(i), (a) => a.text, (a) => html`<button class=${a.danger ? "danger" : ""} @click=${() => operate(a, i)}>${a.text}</button>`)}
          ${lifecycle(i).length ? nothing : html`<span class="faint">It is ${i.state}.</span>`}</div>` : nothing}
        <nav class="tabs" aria-label="Parts of ${name}">${tabs.map((t) => html`<a href=${link("instances", name, ...(t.key ? [t.key] : []))}
          aria-current=${t === tab ? "page" : nothing}>${t.text}${t.count?.(row) ? html` <span class="badge warn">${t.count(row)}</span>` : nothing}</a>`)}</nav>
        ${content.draw(row)}`;
    },
  };
}

const steps = ["refusing", "finishing", "webhooks", "flushing", "releasing", "done"];

// progressOf shows how far a drain is.
function progressOf(i) {
  if (i.state !== "draining" || !i.drain) return nothing;
  const left = Math.max(0, Math.round((Date.parse(i.drain.deadline) - Date.now()) / 1000));
  return html`<div class="notice warn"><label>Draining: ${i.drain.step}, ${i.drain.in_flight} in flight, at most ${left} s more
    <progress max=${steps.length - 1} value=${steps.indexOf(i.drain.step)}></progress></label></div>`;
}

const facts = (i) => [
  ["HTTP", html`<code>${i.http_addr}</code>`], ["gRPC", html`<code>${i.grpc_addr}</code>`],
  ["Profile", i.profile], ["Storage", i.storage], ["Schema", html`<code>${i.schema}</code>`], ["Redis prefix", html`<code>${i.redis_prefix}</code>`],
  ["Managed by", i.managed_by === "file" ? "a configuration file" : "the API"], ["In this state for", ago(i.since)], ["Restarts", number(i.restarts)],
  ["Durable events", number(i.durable_sequence)], ["Shown by its tables", i.durable_sequence === i.projected_sequence ? "all" : `all up to ${number(i.projected_sequence)}`],
];

function overview(name) {
  return { draw: (row) => {
    const trend = state.trends.get(name) ?? { rate: [], p99: [] };
    return html`
      <ul class="tiles" aria-label="Now">
        <li><b>${number(row.rate)}</b>requests/s</li><li><b>${number(row.failing)}</b>errors/s</li><li><b>${milliseconds(row.p99_ms)}</b>p99</li>
        <li><b>${number(row.open_settlements)}</b>open settlements</li><li><b>${number(row.open_transfers)}</b>open transfers</li>
        <li><b>${number(row.pending_approvals)}</b>to approve</li><li><b>${number(row.open_breaks)}</b>open breaks</li><li><b>${number(row.active_faults)}</b>faults</li>
      </ul>
      <div class="columns">
        ${chart(trend.rate, "Requests a second", number)}
        ${chart(trend.p99, "99th percentile of the time to answer", milliseconds)}
        <section class="card"><h2>Where and what</h2><dl>${facts(row.instance).map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl></section>
      </div>`;
  } };
}
