// The details of one exchange: its facts, headers, bodies, and parts with their times.

import { ask, byId, bytesOf, clock, copyButton, duration, el, size, tabs } from "./dom.js";
import { kindOf } from "./journal.js";

const HEX = 8192; // bytes of a body that are shown as hex
const NAMES = { overview: "Overview", request: "Request", response: "Response", parts: "Parts" };
const EVENTS = {
  head: "response begins",
  end: "end",
  left: "the caller left",
  reset: "connection reset",
  cut: "connection closed",
  RST_STREAM: "stream reset",
  GOAWAY: "connection accepts no new streams",
};

export class Detail {
  constructor({ closed, opened }) {
    this.closed = closed;
    this.opened = opened;
    this.place = byId("detail");
    this.tab = "overview";
    this.number = null;
    this.place.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  // Called with new and changed rows, in case the open exchange is among them.
  noticed(rows) {
    if (this.number !== null && rows.some((row) => row.number === this.number)) this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.load();
    }, 150);
  }

  async open(number, { focus = false } = {}) {
    const other = number !== this.number;
    this.number = number;
    if (other) {
      this.shown = null;
      this.views = {};
    }
    await this.load();
    if (focus && this.number === number) this.place.querySelector("[role=tab][aria-selected=true]")?.focus();
  }

  close() {
    this.number = null;
    this.shown = null;
    this.place.hidden = true;
    this.place.replaceChildren();
    this.closed();
  }

  async load() {
    const number = this.number;
    if (number === null) return;
    let found;
    try {
      found = await (await ask(`exchanges/${number}`)).json();
    } catch (error) {
      if (number === this.number && !this.shown) this.fail(number, error);
      return;
    }
    if (number !== this.number) return;
    const first = !this.shown;
    this.shown = found;
    if (first) this.build();
    this.fill();
  }

  fail(number, error) {
    this.place.hidden = false;
    this.place.replaceChildren(this.head(`#${number}`), el("p", { class: "problem", role: "alert" }, error.message));
  }

  head(...title) {
    return el(
      "div",
      { class: "detail-head" },
      el("button", { type: "button", class: "quiet back", onclick: () => this.close() }, "← Journal"),
      el("h2", {}, title),
      el("button", { type: "button", class: "quiet close", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.close() }, "✕"),
    );
  }

  build() {
    this.title = el("span", { class: "detail-title" });
    const list = el(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Parts of the exchange" },
      Object.entries(NAMES).map(([name, label]) =>
        el("button", { type: "button", role: "tab", id: `show-${name}`, "aria-controls": "shown", "data-name": name }, label),
      ),
    );
    this.list = list;
    this.panel = el("div", { id: "shown", role: "tabpanel", tabindex: "0" });
    this.place.replaceChildren(this.head(this.title), list, this.panel);
    this.place.hidden = false;
    const choose = tabs(list, (tab) => {
      this.tab = tab.dataset.name;
      this.panel.setAttribute("aria-labelledby", tab.id);
      this.fill({ anew: true });
    });
    choose(list.querySelector(`[data-name=${this.tab}]`), false);
  }

  fill({ anew = false } = {}) {
    const { row } = this.shown;
    this.title.replaceChildren(
      el("span", { class: "muted" }, `#${row.number}`),
      " ",
      el("b", {}, row.endpoint ?? row.path),
      " ",
      el("span", { class: `status ${kindOf(row)}` }, String(row.status ?? (row.end ? "no response" : "in progress"))),
    );
    const count = this.shown.events.length + this.shown.earlier;
    this.list.querySelector("[data-name=parts]").textContent = count ? `Parts ${count}` : "Parts";
    const view = (this.views[this.tab] ??= VIEWS[this.tab]());
    view.show(this.shown, this);
    if (anew || this.panel.firstChild !== view.element) this.panel.replaceChildren(view.element);
  }
}

const VIEWS = { overview, request: () => message("request"), response: () => message("response"), parts };

function overview() {
  const element = el("div");
  return {
    element,
    show(shown, detail) {
      const { row } = shown;
      const head = shown.events.find((event) => event.name === "head");
      const facts = [
        ["Operation", row.operation ?? "unknown"],
        ["Path", el("code", {}, `${row.method} ${row.path}`)],
        ["Status", row.status === null ? (row.end ? "none" : "not yet") : String(row.status)],
        row.error && ["Error", el("span", { class: "failed" }, row.error)],
        shown.fault && ["Fault injected", el("code", {}, shown.fault)],
        ["Signature", { true: "valid", false: "refused; the response says why", null: "not checked" }[row.signed]],
        ["Attempt", attempts(shown, detail)],
        shown.variant && ["Variant", shown.variant],
        shown.model && ["Model", shown.model],
        ["Started", clock(row.time)],
        ["Response began", head ? `after ${duration(head.seconds)}` : "not yet"],
        ["Ended", row.seconds === null ? "not yet" : `after ${duration(row.seconds)}${row.end === "end" ? "" : `: ${EVENTS[row.end]}`}`],
        ["Request body", size(row.came)],
        ["Response body", size(row.sent)],
        ["Connection", `number ${shown.connection}`],
        ["Request id", el("code", {}, shown.request_id)],
        shown.invocation_id && ["Invocation id", el("code", {}, shown.invocation_id)],
      ].filter(Boolean);
      const problem = row.error && said(shown);
      const text = JSON.stringify(shown);
      if (text === element.text) return;
      element.text = text;
      element.replaceChildren(
        ...(problem ? [el("p", { class: "problem" }, problem)] : []),
        el("dl", { class: "facts" }, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      );
    },
  };
}

// The message in the JSON of an error response.
function said(shown) {
  try {
    const document = JSON.parse(new TextDecoder().decode(bytesOf(shown.response.body)));
    const message = document.OriginalMessage ?? document.Message ?? document.message;
    return typeof message === "string" ? message : null;
  } catch {
    return null;
  }
}

function attempts(shown, detail) {
  const { row } = shown;
  if (shown.attempts.length < 2) return row.attempt === null ? "not stated by the client" : `${row.attempt}`;
  const links = shown.attempts.map(([number, status]) =>
    number === row.number
      ? el("b", {}, `${status ?? "–"}`)
      : el("button", { type: "button", class: "link", title: `Exchange ${number}`, onclick: () => detail.opened(number) }, `${status ?? "–"}`),
  );
  return el("span", {}, `${row.attempt ?? ""} of ${shown.attempts.length}: `, links.flatMap((link, at) => (at ? [" → ", link] : [link])));
}

function message(side) {
  const headers = el("table", { class: "headers" });
  const none = el("p", { class: "muted" });
  const body = bodyView();
  const element = el("div", {}, none, el("h3", {}, "Headers"), headers, body.element);
  return {
    element,
    show(shown) {
      const found = shown[side];
      none.hidden = found !== null;
      headers.previousSibling.hidden = headers.hidden = body.element.hidden = found === null;
      none.textContent = shown.row.end ? "No response was sent." : "Nothing has been sent yet.";
      if (!found) return;
      const text = JSON.stringify(found.headers);
      if (text !== headers.text) {
        headers.text = text;
        headers.replaceChildren(...found.headers.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: value === "<redacted>" ? "muted" : "" }, value))));
      }
      const type = found.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
      body.show(bytesOf(found.body), found.size, type);
    },
  };
}

// A body as text, JSON or hex; initially, what it most likely is.
export function bodyView() {
  const group = `as-${Math.random().toString(36).slice(2)}`;
  const radios = ["Text", "JSON", "Hex"].map((label) => {
    const radio = el("input", { type: "radio", name: group, value: label, onchange: () => draw() });
    return [label, radio, el("label", {}, radio, el("span", {}, label))];
  });
  const title = el("h3", {}, "Body");
  const note = el("p", { class: "muted" });
  const pre = el("pre", { tabindex: "0", "aria-label": "Body" });
  const copy = el("span");
  const element = el("div", { class: "body" }, el("div", { class: "body-head" }, title, el("fieldset", { class: "segments small" }, el("legend", {}, "Show the body as"), radios.map((each) => each[2])), copy), note, pre);
  let bytes = new Uint8Array();
  let chosen = null;

  const text = () => new TextDecoder().decode(bytes);
  const json = () => {
    try {
      return JSON.stringify(JSON.parse(text()), null, 2);
    } catch {
      return null;
    }
  };

  function draw() {
    chosen = radios.find((each) => each[1].checked)?.[0] ?? chosen;
    const shown = chosen === "Hex" ? hex(bytes) : chosen === "JSON" ? (json() ?? "This is not JSON.") : text();
    if (shown.startsWith(pre.textContent) && pre.textContent) pre.append(shown.slice(pre.textContent.length)); // a selection stays
    else pre.textContent = shown;
    copy.replaceChildren(copyButton(shown));
  }

  return {
    element,
    show(found, whole, type) {
      if (chosen !== null && found.length === bytes.length && whole === element.whole) return;
      bytes = found;
      element.whole = whole;
      if (chosen === null && found.length) {
        chosen = isBinary(found) ? "Hex" : (/json/.test(type) || /^\s*[[{]/.test(text())) && json() !== null ? "JSON" : "Text";
        radios.find((each) => each[0] === chosen)[1].checked = true;
      }
      title.textContent = `Body ${size(whole)}`;
      const cut = chosen === "Hex" ? Math.min(HEX, found.length) : found.length;
      note.hidden = cut >= whole && found.length > 0;
      note.textContent = found.length ? `The first ${size(cut)} are shown.` : "It is empty.";
      pre.hidden = !found.length;
      copy.hidden = !found.length;
      draw();
    },
  };
}

function isBinary(bytes) {
  try {
    return /[\0-\x08\x0e-\x1a]/.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return true;
  }
}

function hex(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, HEX); at += 16) {
    const piece = [...bytes.subarray(at, Math.min(at + 16, HEX))];
    const digits = piece.map((byte) => byte.toString(16).padStart(2, "0"));
    const letters = piece.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits.slice(0, 8).join(" ").padEnd(23)}  ${digits.slice(8).join(" ").padEnd(23)}  ${letters}`);
  }
  return lines.join("\n");
}

function parts() {
  const note = el("p", { class: "muted" });
  const list = el("ol", { class: "parts" });
  const element = el("div", {}, note, list);
  let before = [];
  return {
    element,
    show(shown) {
      const { events, earlier, row } = shown;
      note.hidden = events.length > 0 && !earlier;
      note.textContent = earlier ? `${earlier} earlier parts are not shown.` : row.end ? "Nothing was sent." : "Nothing has been sent yet.";
      const keys = events.map((event) => `${event.seconds} ${event.sender} ${event.name} ${event.size}`);
      const kept = before.length && before.every((key, at) => key === keys[at]) ? before.length : 0;
      if (!kept) list.replaceChildren();
      const atEnd = element.parentElement ? element.parentElement.scrollTop + element.parentElement.clientHeight >= element.parentElement.scrollHeight - 8 : false;
      for (let at = kept; at < events.length; at += 1) list.append(part(events[at], at ? events[at - 1] : null));
      if (atEnd && kept) element.parentElement.scrollTop = element.parentElement.scrollHeight;
      before = keys;
    },
  };
}

function part(event, previous) {
  const step = previous ? event.seconds - previous.seconds : null;
  const bytes = event.part === undefined ? null : bytesOf(event.part);
  const text = bytes && (isBinary(bytes) ? [...bytes.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ") : new TextDecoder().decode(bytes));
  const name = EVENTS[event.name] ?? (event.name === "PayloadPart" || event.name === "body" ? "" : event.name);
  return el(
    "li",
    { class: event.sender },
    el("span", { class: "at", title: "Since the request arrived" }, duration(event.seconds)),
    el("span", { class: "step muted", title: "Since the previous part" }, step === null ? "" : `+${duration(step)}`),
    el("span", { class: "way", title: event.sender === "caller" ? "from the caller" : "to the caller" }, event.sender === "caller" ? "↑" : "↓"),
    el("span", { class: "data" }, name && el("i", {}, name, text ? " " : ""), text && el("code", {}, text)),
    el("span", { class: "muted bytes" }, event.size === undefined ? "" : size(event.size)),
  );
}
