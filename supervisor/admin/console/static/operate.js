// What can be done to an instance as a whole.
import { call, post } from "/console/static/api.js";
import { ask, attempt, toast } from "/console/static/ui.js";

const path = (instance, action = "") => `/admin/v1/instances/${encodeURIComponent(instance.name)}${action}`;

const graceField = { name: "grace", label: "Grace period, such as 30s; the instance's own unless given" };

// Each action has what it is called, and when it makes sense.
const actions = {
  start: { text: "Start", now: (i) => `Starting ${i.name}`, do: (i) => post(path(i, "/start"), undefined, { wait: "false" }) },
  resume: { text: "Resume", now: (i) => `${i.name} goes on`, do: (i) => post(path(i, "/resume")) },
  drain: { text: "Drain", now: (i) => `Draining ${i.name}`, fields: [graceField],
    ask: "What is in flight is finished within the grace period, and the ports are released. Books and entry are kept.",
    do: (i, v) => post(path(i, "/drain"), undefined, { grace: v.grace, wait: "false" }) },
  pause: { text: "Pause", now: (i) => `${i.name} is paused`, do: (i) => post(path(i, "/pause")) },
  restart: { text: "Restart", now: (i) => `Restarting ${i.name}`, fields: [graceField], ask: "It is drained and started again.",
    do: (i, v) => post(path(i, "/restart"), undefined, { grace: v.grace, wait: "false" }) },
  clone: { text: "Clone", now: (i, v) => `${v.name} is a copy of ${i.name}`,
    fields: [{ name: "name", label: "Name of the copy", required: true }, { name: "at_sequence", label: "As it was at event; as it is now unless given", kind: "number" },
      { name: "http_port", label: "HTTP port; one from the range unless given", kind: "number" }, { name: "grpc_port", label: "gRPC port; one from the range unless given", kind: "number" }],
    ask: "The copy has the same books and ports of its own.", do: (i, v) => post(path(i, "/clone"), v) },
  reset: { text: "Reset", danger: true, now: (i) => `${i.name} is back at its opening`, fields: [],
    ask: "Its books are dropped, and it starts again with its opening.", do: (i) => post(path(i, "/reset"), undefined, { wait: "false" }) },
  remove: { text: "Remove", danger: true, now: (i) => `${i.name} is removed`, fields: [{ name: "purge", label: "Drop its books, too", kind: "check" }],
    ask: "It is drained and forgotten. Unless they are dropped, its books are found again by an instance of the same schema.",
    do: (i, v) => call("DELETE", path(i), { query: { wait: "false", purge: String(v.purge) } }) },
};

// lifecycle returns the actions that make sense in an instance's state, the likeliest
// first.
export function lifecycle(instance) {
  switch (instance.state) {
    case "drained": case "failed": return [actions.start, actions.clone, actions.reset, actions.remove];
    case "paused": return [actions.resume, actions.drain, actions.restart, actions.clone, actions.reset, actions.remove];
    case "draining": return [];
    default: return [actions.drain, actions.pause, actions.restart, actions.clone, actions.reset, actions.remove];
  }
}

// operate does an action, after asking where it needs that.
export function operate(action, instance) {
  if (!action.ask) return attempt(() => action.now(instance), () => action.do(instance));
  return ask({
    title: `${action.text} ${instance.name}?`, text: action.ask, fields: action.fields, action: action.text, danger: action.danger,
    send: async (values) => {
      await action.do(instance, values);
      toast(action.now(instance, values));
      if (action === actions.remove) location.hash = "#/";
    },
  });
}
