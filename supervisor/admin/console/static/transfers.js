// Transfers, and the approvals that they wait for.
import { post } from "/console/static/api.js";
import { ask, badge, html, mayOperate, nothing, time, toast } from "/console/static/ui.js";
import { list } from "/console/static/lists.js";

const stages = ["SUBMITTED", "AWAITING_APPROVAL", "APPROVED", "RESERVED", "BROADCAST", "CONFIRMING", "SETTLED", "REJECTED", "RETURNED", "EXPIRED", "CANCELLED"];

export function transfers(name, query) {
  const path = (t, what) => `/console/instances/${encodeURIComponent(name)}/api/v1/transfers/${t.transfer_id}/${what}`;
  const decide = (t, what, action) => ask({
    title: `${action} ${t.quantity} ${t.symbol}?`, text: `It was asked for by ${t.requested_by ?? "nobody in particular"}, who may not decide on it.`,
    fields: [{ name: "by", label: "Who decides", required: true }, ...(what === "reject" ? [{ name: "reason", label: "Why" }] : [])],
    action, danger: what === "reject",
    send: async (values) => { await post(path(t, what), values); toast(`${what === "approve" ? "Approved" : "Rejected"} by ${values.by}`); l.reload(); },
  });
  const l = list({ name, path: "/api/v1/transfers", member: "transfers", key: (t) => t.transfer_id, label: "Transfers", empty: "There is no transfer like that.",
    preset: Object.fromEntries(query),
    filters: [{ name: "account_id", label: "Account" }, { name: "symbol", label: "Symbol" }, { name: "stage", label: "Stage", choices: stages }],
    columns: [
      { title: "Transfer", of: (t) => html`<code>${t.external_id ?? t.transfer_id}</code>` }, { title: "Stage", of: (t) => badge(t.stage) },
      { title: "Rail", of: (t) => t.rail }, { title: "Direction", of: (t) => t.direction }, { title: "Account", of: (t) => html`<code>${t.account_id}</code>` },
      { title: "Quantity", of: (t) => `${t.quantity} ${t.symbol}`, kind: "number" },
      { title: "Approvals", of: (t) => t.approvals_required ? `${(t.approvals ?? []).filter((a) => a.decision === "APPROVED").length} of ${t.approvals_required}` : "–" },
      { title: "Confirmations", of: (t) => t.confirmations_required ? `${t.confirmations} of ${t.confirmations_required}` : "–" },
      { title: "Expected", of: (t) => time(t.expected_completion) }, { title: "Reason", of: (t) => t.reason ?? "" },
      { title: html`<span class="hidden">Actions</span>`, of: (t) => mayOperate() && t.stage === "AWAITING_APPROVAL"
        ? html`<button @click=${() => decide(t, "approve", "Approve")}>Approve<span class="hidden"> ${t.external_id ?? t.transfer_id}</span></button>
          <button class="danger" @click=${() => decide(t, "reject", "Reject")}>Reject<span class="hidden"> ${t.external_id ?? t.transfer_id}</span></button>` : nothing },
    ] });
  return { ...l, draw: () => html`<div class="card">${l.draw()}</div>` };
}
