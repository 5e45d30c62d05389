// The table of exchanges. Only the visible rows are in the document, however many there are.

import { byId, clock, duration, el, size } from "./dom.js";

const AHEAD = 8; // rows above and below the visible ones
const CELLS = ["status", "what", "started", "time", "size", "attempt", "signed"];
const SHORT = {
  InvokeEndpoint: "",
  InvokeEndpointWithResponseStream: "stream",
  InvokeEndpointAsync: "async",
  InvokeEndpointWithBidirectionalStream: "duplex",
};
const ENDS = { left: "caller left", reset: "reset", cut: "cut", RST_STREAM: "stream reset" };

export class Journal {
  constructor({ opened, emptied }) {
    this.opened = opened; // called with the number of the chosen exchange
    this.emptied = emptied; // called with whether there are no rows, to show something else
    this.most = 5000; // rows that are kept
    this.all = [];
    this.seen = [];
    this.selected = null;
    this.hidden = 0; // exchanges up to this number were cleared
    this.atEnd = true;
    this.fresh = 0;
    this.rows = byId("rows");
    this.space = byId("space");
    this.pool = byId("pool");
    this.latest = byId("latest");
    this.filter = byId("filter");
    this.failed = byId("only-failed");
    this.rows.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.rows.addEventListener("keydown", (event) => this.pressed(event));
    this.pool.addEventListener("click", (event) => {
      const row = event.target.closest("[data-number]");
      if (row) this.select(Number(row.dataset.number));
    });
    this.latest.addEventListener("click", () => {
      this.atEnd = true;
      this.later();
    });
    for (const input of [this.filter, this.failed]) input.addEventListener("input", () => this.changed());
    byId("clear").addEventListener("click", () => {
      this.hidden = this.all.length ? this.all[this.all.length - 1].number : this.hidden;
      this.changed();
    });
    new ResizeObserver(() => this.later()).observe(this.rows);
  }

  replace(rows) {
    this.all = rows;
    this.changed();
  }

  update(rows) {
    for (const row of rows) {
      const last = this.all.length ? this.all[this.all.length - 1].number : 0;
      if (row.number > last) {
        this.all.push(row);
        if (!this.atEnd && this.shows(row)) this.fresh += 1;
      } else {
        const at = this.place(this.all, row.number);
        if (this.all[at]?.number === row.number) this.all[at] = row;
      }
    }
    if (this.all.length > this.most) {
      const lost = this.all.splice(0, this.all.length - this.most);
      if (!this.atEnd) this.rows.scrollTop -= lost.filter((row) => this.shows(row)).length * this.height();
    }
    this.changed();
  }

  place(rows, number) {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].number < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  shows(row) {
    if (row.number <= this.hidden || (this.failed.checked && !isFailed(row))) return false;
    return this.words.every((word) => textOf(row).includes(word));
  }

  get words() {
    const text = this.filter.value.toLowerCase();
    if (text !== this.split?.text) this.split = { text, words: text.split(/\s+/).filter(Boolean) };
    return this.split.words;
  }

  changed() {
    this.seen = this.all.filter((row) => this.shows(row));
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  height() {
    return parseFloat(getComputedStyle(this.rows).getPropertyValue("--row"));
  }

  scrolled() {
    this.atEnd = this.rows.scrollTop + this.rows.clientHeight >= this.rows.scrollHeight - 4;
    if (this.atEnd) this.fresh = 0;
    this.later();
  }

  draw() {
    const height = this.height();
    this.space.style.height = `${this.seen.length * height}px`;
    if (this.atEnd) {
      this.rows.scrollTop = this.seen.length * height;
      this.fresh = 0;
    }
    const first = Math.max(Math.floor(this.rows.scrollTop / height) - AHEAD, 0);
    const last = Math.min(first + Math.ceil(this.rows.clientHeight / height) + 2 * AHEAD, this.seen.length);
    while (this.pool.childElementCount > last - first) this.pool.lastElementChild.remove();
    while (this.pool.childElementCount < last - first) this.pool.append(blank());
    this.pool.style.transform = `translateY(${first * height}px)`;
    for (let at = first; at < last; at += 1) this.fill(this.pool.children[at - first], this.seen[at], at);
    this.rows.setAttribute("aria-rowcount", this.seen.length);
    this.latest.hidden = this.atEnd || this.fresh === 0;
    this.latest.textContent = `${this.fresh} new ↓`;
    const kept = this.all.length - this.place(this.all, this.hidden + 1);
    byId("count").textContent = kept === this.seen.length ? plural(kept) : `${this.seen.length} of ${plural(kept)}`;
    this.emptied(this.seen.length === 0, kept);
  }

  fill(row, exchange, at) {
    const selected = exchange.number === this.selected;
    if (row.shown !== exchange) {
      row.shown = exchange;
      row.id = `row-${exchange.number}`;
      row.dataset.number = exchange.number;
      row.dataset.kind = kindOf(exchange);
      const cells = row.children;
      cells[0].textContent = exchange.status ?? (exchange.end ? "–" : "···");
      cells[1].replaceChildren(...what(exchange));
      cells[2].textContent = clock(exchange.time);
      cells[3].textContent = exchange.seconds === null ? "…" : duration(exchange.seconds);
      cells[4].replaceChildren(el("span", { class: "came" }, `${size(exchange.came)} → `), size(exchange.sent));
      cells[4].title = `${size(exchange.came)} received, ${size(exchange.sent)} sent`;
      cells[5].textContent = exchange.attempt ?? "–";
      cells[5].title = exchange.attempt ? `Attempt ${exchange.attempt} of its call` : "Not stated by the client";
      cells[6].textContent = verdict(exchange);
      cells[6].dataset.signed = exchange.signed;
      cells[6].title = VERDICTS[exchange.signed];
      row.setAttribute("aria-label", [...cells].slice(0, 5).map((cell) => cell.textContent).join(", ") + `, ${cells[5].title}, ${cells[6].title}`);
    }
    row.setAttribute("aria-rowindex", at + 1);
    row.setAttribute("aria-selected", selected);
    if (selected) this.rows.setAttribute("aria-activedescendant", row.id);
  }

  select(number, { open = true } = {}) {
    this.selected = number;
    if (number === null) this.rows.removeAttribute("aria-activedescendant");
    else this.reveal(number);
    this.later();
    if (open) this.opened(number);
  }

  reveal(number) {
    const at = this.place(this.seen, number);
    if (this.seen[at]?.number !== number) return;
    const height = this.height();
    const top = at * height;
    if (top < this.rows.scrollTop) this.rows.scrollTop = top;
    else if (top + height > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = top + height - this.rows.clientHeight;
  }

  pressed(event) {
    const page = Math.max(Math.floor(this.rows.clientHeight / this.height()) - 1, 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Enter" && this.selected !== null) {
      event.preventDefault();
      this.opened(this.selected, { focus: true });
    }
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey || !this.seen.length) return;
    event.preventDefault();
    const at = this.selected === null ? (step > 0 ? -1 : this.seen.length) : this.place(this.seen, this.selected);
    const next = Math.min(Math.max(at + step, 0), this.seen.length - 1);
    this.select(this.seen[next].number);
  }
}

const VERDICTS = {
  true: "The signature is valid",
  false: "The signature was refused",
  null: "The signature was not checked",
};

function verdict(exchange) {
  return { true: "✓ valid", false: "✕ refused", null: "–" }[exchange.signed];
}

const plural = (count) => `${count.toLocaleString("en")} ${count === 1 ? "exchange" : "exchanges"}`;

function blank() {
  return el("div", { class: "row", role: "row" }, CELLS.map((name) => el("span", { class: name, role: "gridcell" })));
}

export function isFailed(row) {
  return row.error !== null || (row.status === null ? row.end !== null : row.status >= 400) || (row.end !== null && row.end !== "end");
}

export function kindOf(row) {
  if (row.end === null && row.status === null) return "waiting";
  if (!isFailed(row)) return "ok";
  return row.status !== null && row.status >= 400 && row.status < 500 && row.end === "end" ? "refused" : "failed";
}

function what(row) {
  const name = row.endpoint ?? row.path;
  const operation = SHORT[row.operation] ?? row.method;
  const outcome = row.error ?? ENDS[row.end];
  return [
    el("b", {}, name),
    operation && el("i", { class: "tag" }, operation),
    outcome && el("em", {}, outcome),
    row.fault && el("i", { class: "tag fault", title: "A fault that was injected" }, row.fault),
  ].filter(Boolean);
}

function textOf(row) {
  row.text ??= [row.number, row.endpoint, row.operation, SHORT[row.operation], row.path, row.status, row.error, row.fault, row.end]
    .filter((each) => each !== null && each !== undefined)
    .join(" ")
    .toLowerCase();
  return row.text;
}
