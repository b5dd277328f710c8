// The tail of an instance's events.
import { follow } from "/console/static/api.js";
import { html, nothing, repeat, serves, state, time, unanswered, update } from "/console/static/ui.js";

const kept = 500, before = 100;

export function events(name) {
  let tail = [], held = null, failure = null, sought = "", following = null;

  function leave() {
    following?.abort();
    following = null;
  }
  // look follows them while the instance runs, from where it was left or a while ago.
  function look() {
    const row = state.rows.get(name);
    if (!row) return;
    if (!serves(name)) return leave();
    if (following) return;
    following = new AbortController();
    const now = row.instance.durable_sequence, last = (held ?? tail).at(-1)?.sequence ?? 0;
    if (last > now) [tail, held] = [[], held && []]; // it was reset
    follow(`/console/instances/${encodeURIComponent(name)}/api/v1/events`, {
      signal: following.signal, query: { after: Math.max(0, last > now ? 0 : last, now - before) },
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
  look();
  return {
    changed: look,
    leave,
    draw: () => {
      const found = tail.filter((e) => e.type.includes(sought)).reverse();
      return html`<div class="card"><div class="row"><label><span>Type contains</span><input type="search" .value=${sought} @input=${(e) => { sought = e.target.value; update(); }}></label>
        <button @click=${hold} aria-pressed=${held ? "true" : "false"}>${held ? "Go on" : "Hold"}</button></div>
        ${unanswered(name, failure)}
        ${found.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Events, the newest first"><table class="cards"><thead><tr><th class="number">Event</th><th>Time</th><th>Type</th><th>Data</th></tr></thead>
          <tbody>${repeat(found, (e) => e, (e) => html`<tr><td class="number" data-label="Event">${e.sequence}</td><td>${time(e.event.time)}</td><td class="title">${e.type}</td><td class="wrap all"><code>${JSON.stringify(e.event.data)}</code></td></tr>`)}</tbody></table></div>`
          : following ? html`<p>No event yet.</p>` : nothing}</div>`;
    },
  };
}
