// The form that calls an endpoint, and the response as it arrives.

import { ask, byId, bytesOf, duration, el, size } from "./dom.js";

const MOST = 16 * 1024 * 1024; // bytes that the page's server accepts
const LONGEST = 262_144; // characters of a response that are shown
const TARGETS = {
  target_variant: ["Variant", "by weight"],
  target_model: ["Model", "which one"],
  inference_component_name: ["Inference component", "which one"],
};

export class Call {
  constructor() {
    this.form = byId("call");
    this.line = byId("outcome-line");
    this.body = byId("outcome-body");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
    this.form.elements.endpoint_name.addEventListener("input", () => this.targets());
  }

  // Show the endpoints, and the chosen one.
  show(endpoints, chosen) {
    this.endpoints = endpoints;
    const names = endpoints.map((each) => each.name).join("\n");
    if (names !== this.names) {
      this.names = names;
      byId("endpoint-names").replaceChildren(...endpoints.map((each) => el("option", {}, each.name)));
    }
    if (chosen !== null && chosen !== this.chosen) {
      this.chosen = chosen;
      this.form.elements.endpoint_name.value = chosen;
    }
    this.targets();
  }

  targets() {
    const name = this.form.elements.endpoint_name.value;
    const outline = (this.endpoints ?? []).find((each) => each.name === name)?.outline;
    const wanted = [];
    for (let at = outline; at; at = null) {
      if (at.member) wanted.push([at.member, at.parts.map((part) => part.name)]);
      for (const part of at.parts) if (part.outline?.member) wanted.push([part.outline.member, part.outline.parts.map((each) => each.name)]);
      if (at.sessions) wanted.push(["session_id", ["NEW_SESSION"]]);
    }
    const key = JSON.stringify(wanted);
    if (key === this.key) return;
    this.key = key;
    const seen = new Set();
    byId("targets").replaceChildren(
      ...wanted
        .filter(([member]) => !seen.has(member) && seen.add(member))
        .map(([member, names]) => {
          const [label, hint] = TARGETS[member] ?? ["Session", "none"];
          const list = el("datalist", { id: `names-${member}` }, names.map((each) => el("option", {}, each)));
          return el("label", {}, label, el("input", { name: member, list: list.id, placeholder: hint, autocomplete: "off", spellcheck: "false" }), list);
        }),
    );
  }

  async send() {
    const { elements } = this.form;
    const query = new URLSearchParams();
    for (const name of ["endpoint_name", "content_type", "accept", "session_id", ...Object.keys(TARGETS)]) {
      const value = elements[name]?.value.trim();
      if (value) query.set(name, value);
    }
    if (elements.streams.value) query.set("streams", "1");
    if (elements.retries.checked) query.set("retries", "1");
    const file = elements.file.files[0];
    const body = file ?? new Blob([elements.body.value]);
    this.say("");
    byId("outcome").hidden = false;
    this.body.hidden = true;
    this.body.textContent = "";
    if (!query.has("endpoint_name")) return this.complain("Choose an endpoint.");
    if (body.size > MOST) return this.complain(`The body has ${body.size.toLocaleString("en")} bytes, and this page accepts ${MOST.toLocaleString("en")}.`);
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      await this.receive(await ask(`invoke?${query}`, { method: "POST", body, headers: { "Content-Type": "application/octet-stream" } }));
    } catch (error) {
      this.complain(error.message);
    } finally {
      button.disabled = false;
    }
  }

  async receive(response) {
    const began = performance.now();
    const elapsed = () => duration((performance.now() - began) / 1000);
    const decoder = new TextDecoder();
    let [parts, bytes, over] = [0, 0, false];
    for await (const result of lines(response.body)) {
      if (result.part !== undefined) {
        const data = bytesOf(result.part);
        parts += 1;
        bytes += data.length;
        this.append(decoder.decode(data, { stream: true }));
        this.say(`${parts} ${parts === 1 ? "part" : "parts"}, ${size(bytes)} …`);
      } else if (result.error) {
        over = true;
        this.complain(`${result.error.kind}: ${result.error.message}`, result.error.attempts);
      } else {
        over = true;
        const { attempts } = result.done;
        this.say(`${size(bytes)}${parts > 1 ? ` in ${parts} parts` : ""}, ${elapsed()}${attempts > 1 ? `, ${attempts} attempts` : ""}`, "ok");
      }
    }
    if (!over) this.complain("The local endpoint was stopped before the end.");
  }

  append(text) {
    this.body.hidden = false;
    const room = LONGEST - this.body.textContent.length;
    if (room <= 0) return;
    this.body.append(text.slice(0, room) + (text.length > room ? "\n… the rest is not shown" : ""));
    this.body.scrollTop = this.body.scrollHeight;
  }

  say(text, kind = "") {
    this.line.textContent = text;
    this.line.className = kind;
  }

  complain(text, attempts = 0) {
    this.say(attempts > 1 ? `${text} (${attempts} attempts)` : text, "problem");
  }
}

async function* lines(body) {
  const decoder = new TextDecoder();
  let held = "";
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += decoder.decode(value, { stream: true });
    const found = held.split("\n");
    held = found.pop();
    for (const line of found) if (line) yield JSON.parse(line);
  }
}
