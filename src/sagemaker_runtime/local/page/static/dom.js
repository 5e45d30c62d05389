// Small helpers. Data from outside goes only into text nodes and attributes, never into markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function el(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("aria-") && value !== null && value !== undefined) made.setAttribute(key, String(value));
    else if (value === false || value === null || value === undefined) continue;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// Make a request to the page's server. An error has the server's message.
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, redirect: "error" });
  } catch {
    throw new Error("The local endpoint does not respond. Was it stopped?");
  }
  if (!response.ok) throw new Error(await complaint(response));
  return response;
}

async function complaint(response) {
  const text = await response.text().catch(() => "");
  try {
    return JSON.parse(text).error || `Refused with ${response.status}.`;
  } catch {
    return text.trim() || `Refused with ${response.status}.`;
  }
}

export const post = (path, document) =>
  ask(path, { method: "POST", body: JSON.stringify(document), headers: { "Content-Type": "application/json" } });

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${short(bytes / 1000)} kB`;
  return `${short(bytes / 1_000_000)} MB`;
}

export function duration(seconds) {
  const ms = seconds * 1000;
  if (ms < 1000) return `${short(ms)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

const short = (number) => (number < 9.95 ? number.toFixed(1) : Math.round(number).toString());

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function clock(seconds) {
  const date = new Date(seconds * 1000);
  return `${CLOCK.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

// A button that copies a text, and shows that it did.
export function copyButton(text, label = "Copy") {
  const button = el("button", { type: "button", class: "quiet copy" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

// Tabs as in the ARIA authoring practices: arrow keys move between them, and one tab is in the tab order.
export function tabs(list, chosen) {
  const all = [...list.querySelectorAll("[role=tab]")];
  const choose = (tab, focus) => {
    for (const each of all) {
      const on = each === tab;
      each.setAttribute("aria-selected", on);
      each.tabIndex = on ? 0 : -1;
    }
    if (focus) tab.focus();
    chosen(tab);
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab, false);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = all.indexOf(event.target.closest("[role=tab]"));
    if (!step || at < 0) return;
    event.preventDefault();
    choose(all[(at + step + all.length) % all.length], true);
  });
  return choose;
}
