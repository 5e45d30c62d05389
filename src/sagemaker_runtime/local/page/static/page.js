// The page of a local endpoint: connects its parts, and keeps them up to date.

import { Call } from "./call.js";
import { connecting } from "./connect.js";
import { Detail } from "./detail.js";
import { ask, byId, el, tabs } from "./dom.js";
import { Faults, scope } from "./faults.js";
import { Journal } from "./journal.js";
import { Minute } from "./minute.js";

let facts = null;
let endpoints = [];
let chosen = null; // the name of the endpoint that the form and the faults apply to

const call = new Call();
const faults = new Faults();
const minute = new Minute();
const detail = new Detail({
  closed() {
    document.body.classList.remove("open");
    journal.select(null, { open: false });
    byId("rows").focus({ preventScroll: true });
  },
  opened: (number) => journal.select(number),
});
const journal = new Journal({
  opened(number, options) {
    document.body.classList.add("open");
    detail.open(number, options);
  },
  emptied: showEmpty,
});

function showEmpty(none, kept) {
  const place = byId("empty");
  place.hidden = !none;
  const key = none && facts ? `${kept} ${chosen} ${journal.hidden > 0}` : null;
  if (key === place.key) return;
  place.key = key;
  if (key === null) return place.replaceChildren();
  if (kept) {
    const all = () => {
      journal.filter.value = "";
      journal.failed.checked = false;
      journal.changed();
    };
    place.replaceChildren(el("h3", {}, "No exchange matches"), el("p", {}, el("button", { type: "button", onclick: all }, "Show all")));
  } else if (journal.hidden) {
    place.replaceChildren(el("h3", {}, "Cleared"), el("p", { class: "muted" }, "The next exchange appears here."));
  } else {
    place.replaceChildren(el("h3", {}, "No calls yet"), el("p", { class: "muted" }, "Make one with the form under Invoke, or from your own client."), ...connecting(facts, chosen));
  }
}

function showState(state) {
  endpoints = state.endpoints;
  if (!endpoints.some((each) => each.name === chosen)) chosen = endpoints[0]?.name ?? null;
  showEndpoints();
}

function choose(name) {
  chosen = name;
  showEndpoints();
}

function showEndpoints() {
  const place = byId("endpoints");
  const text = JSON.stringify([endpoints, chosen]);
  if (text !== place.text) {
    place.text = text;
    const focused = document.activeElement?.dataset?.endpoint;
    place.replaceChildren(
      endpoints.length
        ? el("ul", {}, endpoints.map(endpointRow))
        : el("p", { class: "muted" }, "None. Serve one: ", el("code", {}, "local serve NAME=MODULE:FUNCTION --page")),
    );
    if (focused) place.querySelector(`[data-endpoint="${CSS.escape(focused)}"]`)?.focus();
  }
  const endpoint = endpoints.find((each) => each.name === chosen);
  call.show(endpoints, chosen);
  faults.show(endpoint);
  journal.later();
}

function endpointRow(each) {
  const { outline } = each;
  const on = each.pending[0];
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "endpoint", "data-endpoint": each.name, "aria-pressed": each.name === chosen, onclick: () => choose(each.name) },
      el("b", {}, each.name),
      on && el("i", { class: "tag fault" }, `${on.kind}, ${scope(on, each.calls)}`),
      el("span", { class: "muted calls" }, `${each.calls.toLocaleString("en")} ${each.calls === 1 ? "call" : "calls"}`),
      el("span", { class: "muted name", title: described(outline) }, described(outline)),
      outline.parts.length > 0 && el("span", { class: "variants" }, outline.parts.map((part) => variant(part, outline))),
    ),
  );
}

function described(outline) {
  const extras = [outline.sessions && "sessions", outline.duplex && "duplex"].filter(Boolean);
  return [outline.name, ...extras].join(" · ");
}

function variant(part, outline) {
  const whole = outline.parts.reduce((sum, each) => sum + (each.weight ?? 0), 0);
  const share = part.weight === null || !whole ? null : `${Math.round((100 * part.weight) / whole)} %`;
  return el(
    "span",
    { title: part.outline ? `${part.name}: ${described(part.outline)}` : part.name },
    el("span", {}, part.name),
    el("span", { class: "muted" }, [share, part.outline ? described(part.outline) : "not loaded"].filter(Boolean).join(" · ")),
  );
}

function live(state, text) {
  byId("live").dataset.live = state;
  byId("live-text").textContent = text;
}

function follow() {
  const source = new EventSource("events");
  const on = (name, handle) => source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  source.addEventListener("open", () => live("on", "Live"));
  source.addEventListener("error", () => {
    live("off", "Not connected");
    if (source.readyState !== EventSource.CLOSED) return; // it reconnects by itself
    explain();
    setTimeout(follow, 2000);
  });
  on("all", (rows) => {
    journal.replace(rows);
    detail.noticed(rows);
  });
  on("rows", (rows) => {
    journal.update(rows);
    detail.noticed(rows);
  });
  on("state", showState);
  on("minute", (numbers) => minute.show(numbers));
}

// Show why there are no events: an EventSource does not tell.
async function explain() {
  const enough = new AbortController();
  try {
    await ask("events", { signal: enough.signal });
    enough.abort();
  } catch (error) {
    live("off", error.message);
  }
}

function view(name, tab) {
  document.body.dataset.view = name;
  for (const button of byId("views").children) button.setAttribute("aria-pressed", button.dataset.view === name && (name === "journal" || button.dataset.tab === tab));
}

const chooseTab = tabs(document.querySelector("aside .tabs"), (tab) => {
  for (const name of ["invoke", "faults"]) byId(name).hidden = tab.getAttribute("aria-controls") !== name;
});
byId("views").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (detail.number !== null) detail.close();
  if (button.dataset.tab) chooseTab(byId(`tab-${button.dataset.tab}`), false);
  view(button.dataset.view, button.dataset.tab);
});
const dialog = byId("connect-dialog");
byId("connect").addEventListener("click", () => {
  if (!facts) return;
  byId("connect-body").replaceChildren(...connecting(facts, chosen));
  dialog.showModal();
});
byId("connect-close").addEventListener("click", () => dialog.close());

async function begin() {
  try {
    facts = await (await ask("facts")).json();
  } catch {
    live("off", "Not connected");
    setTimeout(begin, 2000);
    return;
  }
  byId("url").textContent = facts.url;
  byId("region").textContent = facts.region;
  journal.most = Math.min(facts.max_exchanges, 5000);
  faults.build(facts.faults);
  follow();
}

begin();
