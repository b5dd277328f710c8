// The tail of an instance's events.
import { follow } from "/console/static/api.js";
import { errorNotice, html, repeat, state, time, update } from "/console/static/ui.js";

const kept = 500, before = 100;

export function events(name) {
  let tail = [], held = null, failure = null, sought = "", started = false;
  const ending = new AbortController();

  function start() {
    const row = state.rows.get(name);
    if (started || !row) return;
    started = true;
    follow(`/console/instances/${encodeURIComponent(name)}/api/v1/events`, {
      signal: ending.signal, query: { after: Math.max(0, row.instance.durable_sequence - before) },
      onState: (_, error) => { failure = error; update(); },
      onEvent: ({ id, name: type, data }) => {
        const list = held ?? tail;
        list.push({ sequence: Number(id), type, event: JSON.parse(data) });
        if (list.length > kept) list.splice(0, list.length - kept);
        update();
      },
    });
  }
  const hold = () => {
    if (held) { tail = held; held = null; } else held = [...tail];
    update();
  };
  start();
  return {
    changed: start,
    leave: () => ending.abort(),
    draw: () => {
      const found = tail.filter((e) => e.type.includes(sought)).reverse();
      return html`<div class="card"><div class="row"><label><span>Type contains</span><input type="search" .value=${sought} @input=${(e) => { sought = e.target.value; update(); }}></label>
        <button @click=${hold} aria-pressed=${held ? "true" : "false"}>${held ? "Go on" : "Hold"}</button></div>
        ${errorNotice(failure)}
        ${found.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Events, the newest first"><table class="cards"><thead><tr><th class="number">Event</th><th>Time</th><th>Type</th><th>Data</th></tr></thead>
          <tbody>${repeat(found, (e) => e.sequence, (e) => html`<tr><td class="number" data-label="Event">${e.sequence}</td><td>${time(e.event.time)}</td><td class="title">${e.type}</td><td class="wrap all"><code>${JSON.stringify(e.event.data)}</code></td></tr>`)}</tbody></table></div>`
          : html`<p>No event yet.</p>`}</div>`;
    },
  };
}
