// The entry of an instance, as it is desired, and how much is logged of it.
import { call, get } from "/console/static/api.js";
import { attempt, errorNotice, html, mayOperate, nothing, update } from "/console/static/ui.js";

export function configuration(name) {
  const path = `/admin/v1/instances/${encodeURIComponent(name)}/log-level`;
  let entry = null, level = null, failure = null;
  get("/admin/v1/config").then((config) => { entry = config.instances.find((e) => e.name === name) ?? {}; }, (error) => { failure = error; }).finally(update);
  get(path).then((l) => { level = l; }, (error) => { failure = error; }).finally(update);
  const set = (event) => attempt((l) => `${name} logs at ${l.level}`, () => event.target.value
    ? call("PUT", path, { body: { level: event.target.value } }) : call("DELETE", path)).then((l) => { level = l ?? level; update(); });
  return { draw: () => html`${errorNotice(failure)}
    ${level ? html`<div class="card"><label><span>Log level, until the process ends</span><select name="level" @change=${set} ?disabled=${!mayOperate()}>
      <option value="" ?selected=${!level.own}>that of the process${level.own ? "" : `: ${level.level}`}</option>
      ${["debug", "info", "warn", "error"].map((l) => html`<option ?selected=${level.own && l === level.level}>${l}</option>`)}</select></label></div>` : nothing}
    ${entry ? html`<div class="card"><h2>Entry</h2>
      <p class="faint">As in <code>instances:</code> of a configuration file, or as the API was given it. Secrets are hidden.</p>
      <pre tabindex="0" role="region" aria-label="Entry as JSON">${JSON.stringify(entry, null, 2)}</pre></div>` : nothing}` };
}
