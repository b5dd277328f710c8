// Settlements, and one of them with all that happened to it.
import { get, post } from "/console/static/api.js";
import { ask, attempt, badge, html, link, mayOperate, nothing, serves, time, unanswered, update, version } from "/console/static/ui.js";
import { list } from "/console/static/lists.js";

const statuses = ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"];

export function settlements(name, query) {
  const l = list({ name, path: "/api/v1/settlements", member: "settlements", key: (s) => s.settlement_id, label: "Settlements", empty: "There is no settlement like that.",
    preset: Object.fromEntries(query),
    filters: [{ name: "account_id", label: "Account" }, { name: "symbol", label: "Symbol" }, { name: "external_id", label: "External id" },
      { name: "settlement_type", label: "Type" }, { name: "status", label: "Status", choices: statuses }],
    columns: [
      { title: "Settlement", of: (s) => html`<a href=${link("instances", name, "settlements", s.settlement_id)}>${s.external_id ?? s.settlement_id}</a>` },
      { title: "Status", of: (s) => badge(s.status) }, { title: "Type", of: (s) => s.settlement_type }, { title: "Account", of: (s) => html`<code>${s.account_id}</code>` },
      { title: "Symbol", of: (s) => s.symbol }, { title: "Quantity", of: (s) => s.quantity, kind: "number" },
      { title: "Payment", of: (s) => cash(s.payment), kind: "number" }, { title: "Due", of: (s) => time(s.expected_settlement_date) },
      { title: "Reason", of: (s) => s.reason ?? "" },
    ] });
  return { ...l, draw: () => html`<div class="card">${l.draw()}</div>` };
}

const cash = (c) => c ? `${c.amount} ${c.currency}` : "";

const dimension = (d) => d ? html`${badge(d.status)} ${d.reason_code ?? ""} ${d.reason ?? ""}` : "–";

const place = (a) => html`<code>${a.account_id}</code> ${a.bucket.toLowerCase().replace("_", " ")}`;

// steps draws the history of a record, with what each step moved.
export const steps = (history) => html`<ol class="history">${(history ?? []).map((t) => html`<li>
  ${badge(t.status)} ${time(t.at)} <span class="faint">event ${t.sequence}</span> ${t.reason_code ?? ""} ${t.reason ?? ""}
  ${t.postings?.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Postings of event ${t.sequence}"><table><thead><tr><th class="number">Amount</th><th>Symbol</th><th>Debit</th><th>Credit</th></tr></thead>
    <tbody>${t.postings.map((p) => html`<tr><td class="number">${p.amount}</td><td>${p.symbol}</td><td>${place(p.debit)}</td><td>${place(p.credit)}</td></tr>`)}</tbody></table></div>` : nothing}
</li>`)}</ol>`;

export function settlement(name, id) {
  const path = `/console/instances/${encodeURIComponent(name)}/api/v1/settlements/${encodeURIComponent(id)}`;
  let s = null, failure = null, seen = "", loading = false;
  async function load() {
    if (loading) return;
    seen = version(name);
    if (!serves(name)) return;
    loading = true;
    try {
      s = await get(path);
      failure = null;
    } catch (error) {
      failure = error;
    }
    loading = false;
    update();
  }
  const change = (what, done) => attempt(done, () => post(`${path}/${what}`, {})).then(load);
  const cancel = () => ask({ title: "Cancel this settlement?", text: "What it has reserved becomes available again.", action: "Cancel it", danger: true,
    send: async () => { await post(`${path}/cancel`, {}); await load(); } });
  load();
  return {
    changed: () => { if (version(name) !== seen) load(); },
    draw: () => {
      if (!s) return html`${unanswered(name, failure)}${failure || !serves(name) ? nothing : "Loading…"}`;
      const open = s.status === "PENDING" || s.status === "IN_PROGRESS";
      const facts = [
        ["Settlement", html`<code>${s.settlement_id}</code>`], ["External id", s.external_id ?? "–"], ["Type", s.settlement_type], ["Account", html`<code>${s.account_id}</code>`],
        ["Quantity", `${s.quantity} ${s.symbol}`], ["Payment", cash(s.payment) || "free of payment"], ["Settled", `${s.settled_quantity} of ${s.quantity}`],
        ["From", s.source_account ?? "–"], ["To", s.destination_account ?? "–"], ["Counterparty", s.counterparty_account ?? s.counterparty?.name ?? s.counterparty?.bic ?? "–"],
        ["Trade date", s.trade_date ?? "–"], ["Due", time(s.expected_settlement_date)], ["Instructed", time(s.initiated_at)], ["Completed", time(s.completed_at)],
        ["Next", time(s.next_action_at)], ["Processing", dimension(s.processing)], ["Matching", dimension(s.matching)], ["Settlement", dimension(s.settlement)], ["Hold", dimension(s.hold)],
        ["Reason", s.reason ? `${s.reason} ${s.reason_text ?? ""}` : "–"],
      ];
      return html`<p><a href=${link("instances", name, "settlements")}>All settlements</a></p>${unanswered(name, failure)}
        <div class="columns">
          <section class="card"><h2>${s.settlement_type} ${badge(s.status)}</h2>
            ${mayOperate() && open ? html`<p class="row"><button @click=${() => change("hold", "It is held")}>Hold</button>
              <button @click=${() => change("release", "It is released")}>Release</button><button class="danger" @click=${cancel}>Cancel</button></p>` : nothing}
            <dl>${facts.map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl></section>
          <section class="card"><h2>What happened</h2>${steps(s.history)}</section>
        </div>`;
    },
  };
}
