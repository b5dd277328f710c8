// Adding an instance by a form.
import { Refusal, post } from "/console/static/api.js";
import { field, html, link, mayOperate, mistakesOf, others, state, toast, update, valuesOf } from "/console/static/ui.js";

const groups = () => [
  { title: "What it is", fields: [
    { name: "name", label: "Name, a DNS label", required: true, placeholder: "custodian-sim-001" },
    { name: "profile", label: "Profile", kind: "choice", choices: [{ value: "", text: "the default" }, ...state.about.profiles] },
    { name: "seed", label: "Seed of what is left to chance", kind: "number" },
  ] },
  { title: "Where it is", fields: [
    { name: "http_port", label: "HTTP port; one from the range unless given", kind: "number" },
    { name: "grpc_port", label: "gRPC port; one from the range unless given", kind: "number" },
    { name: "storage.driver", label: "Storage", kind: "choice", choices: [{ value: "", text: "the default" }, "memory", "sqlite", "postgres"] },
    { name: "drain_grace", label: "Grace period of drains", placeholder: "30s" },
  ] },
  { title: "Its clock", fields: [
    { name: "clock.mode", label: "Mode", kind: "choice", choices: [{ value: "", text: "the default" }, "real", "scaled", "manual"] },
    { name: "clock.factor", label: "Factor, of a scaled clock", kind: "number" },
    { name: "clock.now", label: "Where it begins, such as 2026-01-05T08:00:00Z" },
  ] },
];

const more = { name: "more", label: "Anything else of an entry, as JSON", kind: "text",
  placeholder: '{"opening": {"accounts": [{"account_id": "fund-a"}]}}' };

// entryOf makes an entry of fields whose names are the paths of its keys.
export function entryOf({ more: rest, ...values }) {
  let entry = {};
  if (rest) {
    try {
      entry = JSON.parse(rest);
    } catch (error) {
      throw new Refusal(0, { field: "more", detail: `is no JSON: ${error.message}` });
    }
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) throw new Refusal(0, { field: "more", detail: "must be an object" });
  }
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split("."), last = keys.pop();
    let at = entry;
    for (const key of keys) at = at[key] ??= {};
    at[last] = value;
  }
  return entry;
}

export function addPage() {
  let mistakes = [], busy = false;
  const all = groups(), fields = [...all.flatMap((g) => g.fields), more];

  async function send(event) {
    event.preventDefault();
    if (busy) return;
    mistakes = [];
    busy = true;
    update();
    try {
      const added = await post("/admin/v1/instances", entryOf(valuesOf(event.target)));
      toast(`${added.name} runs`);
      location.hash = link("instances", added.name);
    } catch (error) {
      mistakes = mistakesOf(error);
    }
    busy = false;
    update();
  }

  return { title: "Add an instance", draw: () => html`<h1>Add an instance</h1>
    ${mayOperate() ? "" : html`<p class="notice warn">Your token may read, and not add.</p>`}
    <form @submit=${send} class="card" novalidate>
      ${others(mistakes, fields)}
      ${all.map((g) => html`<fieldset><legend>${g.title}</legend><div class="fields">${g.fields.map((f) => field(f, mistakes))}</div></fieldset>`)}
      <details class="fields" ?open=${mistakes.some((m) => m.key === "more")}><summary>More</summary>${field(more, mistakes)}</details>
      <div class="row"><button class="main" ?disabled=${!mayOperate()} aria-disabled=${busy}>${busy ? "Starting…" : "Add and start"}</button><a class="button" href="#/">Cancel</a></div>
    </form>` };
}
