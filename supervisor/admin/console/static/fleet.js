// All instances at a glance.
import { badge, html, line, link, mayOperate, milliseconds, nothing, number, repeat, state, update } from "/console/static/ui.js";
import { lifecycle, operate } from "/console/static/operate.js";

const shownAtOnce = 200;

export function fleetPage(query) {
  let sought = query.get("q") ?? "", only = query.get("state") ?? "", shown = shownAtOnce;
  const find = (event) => { sought = event.target.value; shown = shownAtOnce; update(); };
  const choose = (event) => { only = event.target.value; shown = shownAtOnce; update(); };

  return { title: "Instances", draw: () => {
    const all = [...state.rows.values()].sort((a, b) => a.instance.name < b.instance.name ? -1 : 1);
    const counts = {};
    for (const { instance } of all) counts[instance.state] = (counts[instance.state] ?? 0) + 1;
    const found = all.filter(({ instance }) => instance.name.includes(sought.toLowerCase()) && (!only || instance.state === only));
    const sum = (of) => {
      const known = all.map(of).filter((figure) => figure != null);
      return known.length || !all.length ? known.reduce((total, figure) => total + figure, 0) : null;
    };
    return html`
      <div class="row apart"><h1>Instances</h1>${mayOperate() ? html`<a class="button main" href="#/add">Add an instance</a>` : nothing}</div>
      <ul class="tiles" aria-label="All instances together">
        <li><b>${all.length}</b>instances</li>
        ${Object.entries(counts).sort().map(([name, count]) => html`<li><b>${count}</b>${name}</li>`)}
        <li><b>${number(sum((r) => r.rate))}</b>requests/s</li>
        <li><b>${number(sum((r) => r.failing))}</b>errors/s</li>
        <li><b>${number(sum((r) => r.open_settlements))}</b>open settlements</li>
      </ul>
      <div class="card">
        <div class="row" role="search">
          <label><span>Name contains</span><input type="search" name="q" .value=${sought} @input=${find}></label>
          <label><span>State</span><select name="state" @change=${choose}>
            <option value="">all</option>${repeat([...new Set([...Object.keys(counts), ...(only ? [only] : [])])].sort(), (s) => s, (s) => html`<option ?selected=${s === only}>${s}</option>`)}</select></label>
        </div>
        ${found.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Instances"><table class="cards">
          <caption class="hidden">Instances, ordered by name</caption>
          <thead><tr><th>Name</th><th>State</th><th>Profile</th><th>HTTP</th><th>gRPC</th><th class="number">Requests/s</th><th>Last minute</th>
            <th class="number">Errors/s</th><th class="number">p99</th><th class="number">Open settlements</th><th><span class="hidden">Actions</span></th></tr></thead>
          <tbody>${repeat(found.slice(0, shown), (row) => row.instance.name, rowOf)}</tbody></table></div>`
          : html`<p>${state.live ? all.length ? "No instance is like that." : html`There is no instance yet. ${mayOperate() ? html`<a href="#/add">Add one</a>.` : nothing}` : "Looking for instances…"}</p>`}
        ${found.length > shown ? html`<p><button @click=${() => { shown += shownAtOnce; update(); }}>Show more of ${found.length}</button></p>` : nothing}
      </div>`;
  } };
}

const port = (address) => address?.slice(address.lastIndexOf(":") + 1);

function rowOf(row) {
  const i = row.instance;
  const trend = state.trends.get(i.name)?.rate ?? [];
  return html`<tr>
    <td class="title"><a href=${link("instances", i.name)}>${i.name}</a></td>
    <td>${badge(i.state)} ${i.degraded ? badge("degraded") : nothing}${i.state !== "running" && i.last_error ? html`<p class="why">${i.last_error}</p>` : nothing}</td>
    <td data-label="Profile">${i.profile}</td>
    <td data-label="HTTP">${port(i.http_addr)}</td><td data-label="gRPC">${port(i.grpc_addr)}</td>
    <td class="number" data-label="Requests/s">${number(row.rate)}</td>
    <td>${line(trend, `requests a second of ${i.name} in the last minute: now ${number(row.rate)}, at most ${number(Math.max(...trend, 0))}`)}</td>
    <td class="number" data-label="Errors/s">${row.failing ? html`<strong>${number(row.failing)}</strong>` : number(row.failing)}</td>
    <td class="number" data-label="p99">${milliseconds(row.p99_ms)}</td>
    <td class="number" data-label="Open settlements">${number(row.open_settlements)}</td>
    <td>${mayOperate() ? repeat(lifecycle(i).slice(0, 1), (action) => action.text, (action) => html`<button @click=${() => operate(action, i)}>${action.text}<span class="hidden"> ${i.name}</span></button>`) : nothing}</td>
  </tr>`;
}
