// Accounts, positions and balances.
import { call } from "/console/static/api.js";
import { attempt, badge, html, mayOperate, nothing, time } from "/console/static/ui.js";
import { list } from "/console/static/lists.js";

const inCard = (l) => ({ ...l, draw: () => html`<div class="card">${l.draw()}</div>` });

export function accounts(name) {
  const set = (a, status) => attempt(`${a.account_id} is ${status}`, () =>
    call("PATCH", `/console/instances/${encodeURIComponent(name)}/api/v1/accounts/${encodeURIComponent(a.account_id)}`, { body: { status } })).then(() => l.reload());
  const l = list({ name, path: "/api/v1/accounts", member: "accounts", key: (a) => a.account_id, label: "Accounts", empty: "There is no account like that.",
    filters: [{ name: "client_id", label: "Client" }, { name: "type", label: "Type", choices: ["MASTER", "SEGREGATED"] }],
    columns: [
      { title: "Account", of: (a) => html`<code>${a.account_id}</code>` }, { title: "Client", of: (a) => a.client_id },
      { title: "Type", of: (a) => a.account_type }, { title: "Status", of: (a) => badge(a.status) }, { title: "Opened", of: (a) => time(a.created_at) },
      { title: html`<span class="hidden">Actions</span>`, of: (a) => !mayOperate() || a.status === "CLOSED" ? nothing : a.status === "ACTIVE"
        ? html`<button @click=${() => set(a, "FROZEN")}>Freeze<span class="hidden"> ${a.account_id}</span></button>`
        : html`<button @click=${() => set(a, "ACTIVE")}>Unfreeze<span class="hidden"> ${a.account_id}</span></button>` },
    ] });
  return inCard(l);
}

const amount = (title, of) => ({ title, of, kind: "number" });

export function positions(name) {
  return inCard(list({ name, path: "/api/v1/positions", member: "positions", key: (p) => `${p.account_id} ${p.symbol}`, label: "Positions", empty: "There is no position like that.",
    filters: [{ name: "account_id", label: "Account" }, { name: "symbol", label: "Symbol" }],
    columns: [
      { title: "Account", of: (p) => html`<code>${p.account_id}</code>` }, { title: "Symbol", of: (p) => p.symbol },
      amount("Quantity", (p) => p.quantity), amount("Available", (p) => p.available_quantity), amount("Locked", (p) => p.locked_quantity),
      amount("Reserved", (p) => p.reserved_quantity), amount("Pending in", (p) => p.pending_in_quantity), amount("In transit", (p) => p.in_transit_quantity),
      { title: "Updated", of: (p) => time(p.last_updated) },
    ] }));
}

export function balances(name) {
  return inCard(list({ name, path: "/api/v1/balances", member: "balances", key: (b) => `${b.account_id} ${b.currency}`, label: "Balances", empty: "There is no balance like that.",
    filters: [{ name: "account_id", label: "Account" }, { name: "currency", label: "Currency" }],
    columns: [
      { title: "Account", of: (b) => html`<code>${b.account_id}</code>` }, { title: "Currency", of: (b) => b.currency },
      amount("Total", (b) => b.total_balance), amount("Available", (b) => b.available_balance), amount("Locked", (b) => b.locked_balance),
      amount("Reserved", (b) => b.reserved_balance), amount("Pending in", (b) => b.pending_in_balance), amount("In transit", (b) => b.in_transit_balance),
      { title: "Updated", of: (b) => time(b.last_updated) },
    ] }));
}
