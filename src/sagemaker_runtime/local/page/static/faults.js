// The faults of the chosen endpoint: a switch for each kind, and its parameters.

import { byId, el, post } from "./dom.js";

const GROUPS = [
  ["all", "Any call"],
  ["streams", "Streams only"],
  ["duplex calls", "Duplex calls only"],
];

export class Faults {
  constructor() {
    this.place = byId("faults");
    this.rows = new Map();
  }

  build(kinds) {
    this.times = el("input", { type: "number", min: 1, max: 1000, value: 1, "aria-label": "How many calls", id: "fault-times" });
    const next = el("input", { type: "radio", name: "fault-scope", value: "next", checked: true });
    const every = el("input", { type: "radio", name: "fault-scope", value: "every" });
    this.every = every;
    this.times.addEventListener("focus", () => (next.checked = true));
    this.title = el("p", { class: "muted" });
    this.problem = el("p", { class: "problem", role: "alert", hidden: true });
    this.pending = el("ul", { class: "pending", "aria-label": "Faults that are on" });
    this.place.replaceChildren(
      this.title,
      el("fieldset", { class: "scope" }, el("legend", {}, "Which calls a fault affects"), el("label", {}, next, " next ", this.times, " calls"), el("label", {}, every, " every call")),
      this.problem,
      this.pending,
      ...GROUPS.map(([meets, label]) => {
        const inside = kinds.filter((kind) => kind.meets === meets);
        const list = el("ul", { class: "kinds" }, inside.map((kind) => this.row(kind)));
        return meets === "duplex calls" ? el("details", {}, el("summary", {}, label), list) : el("div", {}, el("h3", {}, label), list);
      }),
    );
  }

  row(kind) {
    const inputs = kind.parameters.map((parameter) => [parameter, input(kind.kind, parameter)]);
    const toggle = el("button", { type: "button", role: "switch", "aria-checked": "false", class: "switch", id: `fault-${kind.kind}`, "aria-describedby": `what-${kind.kind}` }, el("span", { class: "knob", "aria-hidden": "true" }), el("span", {}, words(kind.kind)));
    toggle.addEventListener("click", () => this.toggle(kind, inputs, toggle.getAttribute("aria-checked") === "true"));
    this.rows.set(kind.kind, toggle);
    const head = el("div", { class: "kind-head" }, toggle, inputs.length > 0 && el("button", { type: "button", class: "quiet more", "aria-expanded": "false", "aria-label": `Parameters of ${words(kind.kind)}`, title: "Parameters" }, "⋯"));
    const form = el("div", { class: "parameters", hidden: true }, inputs.map(([parameter, field]) => el("label", {}, parameter.name.replaceAll("_", " "), field)));
    head.querySelector(".more")?.addEventListener("click", (event) => {
      form.hidden = !form.hidden;
      event.currentTarget.setAttribute("aria-expanded", !form.hidden);
    });
    return el("li", {}, head, el("p", { class: "muted", id: `what-${kind.kind}` }, kind.what), form);
  }

  async toggle(kind, inputs, isOn) {
    this.problem.hidden = true;
    try {
      if (this.endpoint === null) throw new Error("There is no endpoint to inject a fault into.");
      if (isOn) await post("withdraw", { endpoint: this.endpoint, kind: kind.kind });
      else {
        const parameters = Object.fromEntries(inputs.map(([parameter, field]) => [parameter.name, valueOf(parameter, field)]));
        const times = this.every.checked ? null : numberOr(this.times.value);
        await post("inject", { endpoint: this.endpoint, kind: kind.kind, parameters, times });
      }
    } catch (error) {
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
  }

  show(endpoint) {
    this.endpoint = endpoint?.name ?? null;
    if (!this.title) return;
    this.title.replaceChildren(...(endpoint ? ["Make calls of ", el("b", {}, endpoint.name), " fail. Each retry counts as a call."] : ["There is no endpoint."]));
    const pending = endpoint?.pending ?? [];
    const on = new Set(pending.map((each) => each.kind));
    for (const [kind, toggle] of this.rows) toggle.setAttribute("aria-checked", on.has(kind));
    const text = JSON.stringify(pending) + this.endpoint;
    if (text === this.text) return;
    this.text = text;
    this.pending.hidden = !pending.length;
    this.pending.replaceChildren(
      ...pending.map((each) =>
        el(
          "li",
          {},
          el("code", {}, each.fault),
          el("span", { class: "muted" }, scope(each, endpoint.calls)),
          el("button", { type: "button", class: "quiet", "aria-label": `Switch ${each.kind} off`, onclick: () => post("withdraw", { endpoint: endpoint.name, kind: each.kind }) }, "✕"),
        ),
      ),
    );
  }
}

export function scope(pending, calls) {
  if (pending.times === null) return "every call";
  const many = pending.times === 1 ? "" : `${pending.times} `;
  if (pending.call === calls + 1) return pending.times === 1 ? "next call" : `next ${many}calls`;
  return pending.times === 1 ? `call ${pending.call}` : `${many}calls from ${pending.call}`;
}

const words = (kind) => kind.replace(/(?<=[a-z])(?=[A-Z])/g, " ").replace(/ [A-Z]/g, (letter) => letter.toLowerCase()).replace("Error answer", "Error response");

function input(kind, parameter) {
  const { name, type, choices, optional } = parameter;
  const value = parameter.default ?? "";
  if (type === "bool") return el("input", { type: "checkbox", checked: value === true });
  if (choices.length) {
    const list = el("datalist", { id: `choices-${kind}-${name}` }, choices.map((each) => el("option", {}, each)));
    document.body.append(list);
    return el("input", { value, list: list.id, autocomplete: "off", spellcheck: "false" });
  }
  return el("input", { value, inputmode: type === "str" ? null : "decimal", placeholder: optional ? "default" : null, autocomplete: "off", spellcheck: "false" });
}

function valueOf(parameter, field) {
  if (parameter.type === "bool") return field.checked;
  if (field.value === "" && parameter.optional) return null;
  return parameter.type === "str" ? field.value : numberOr(field.value);
}

// The number in a text; otherwise the text itself, which the server then refuses with a reason.
function numberOr(text) {
  const number = Number(text);
  return text.trim() === "" || Number.isNaN(number) ? text : number;
}
