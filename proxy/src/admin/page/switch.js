// The switch: what is to be switched to what, by whom and for how long; then, in words, what will happen; then it is done.

import { e } from "./elements.js";
import { membersOf } from "./lanes.js";
import { isWell, list, upper } from "./words.js";

const CHOICES = {
  origin: [
    ["ready", "It is asked as its health has it."],
    ["drain", "It gets no new request while anybody else can answer."],
    ["down", "Nothing is sent to it, whatever that means for a request."],
    ["only", "Groups that have it ask it alone; a page stays behind it."],
  ],
  record: [
    ["auto", "It moves by health, as the config lets it."],
    ["primary", "It stays on its primary, whatever its health."],
    ["secondary", "It stays on its secondary, whatever its health."],
  ],
  distribution: [
    ["serve", "Requests are answered as ever."],
    ["maintenance", "Every request is answered with the maintenance page, 503."],
  ],
};
const SPANS = [["", "until it is switched back"], ["10m", "10 minutes"], ["30m", "30 minutes"], ["2h", "2 hours"], ["24h", "a day"]];

const TOKEN = "tideover-token";
const OWNER = "tideover-owner";

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
  headers: () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {}),
};

const usual = (kind) => CHOICES[kind][0][0];

// `seen` gives what is seen now, `changed` is called when something was switched or the token is another one.
export function switching(dialog, seen, changed) {
  let about = null; // { kind, name, to, reason, owner, span, insist }

  dialog.addEventListener("close", () => {
    // This is heard late: it may be open for something else by now.
    if (dialog.open) return;
    about = null;
    dialog.replaceChildren();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) dialog.close();
    if (event.target.closest("[data-back]")) choose();
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.dataset.step === "choose") {
      take(form);
      confirm(null);
    } else if (form.dataset.step === "token") {
      token.set(form.elements.token.value.trim());
      dialog.close();
      changed();
    } else {
      const given = form.elements.token?.value.trim();
      if (given) token.set(given);
      about.insist = form.elements.insist?.checked ?? false;
      order(form);
    }
  });

  function take(form) {
    about.to = form.elements.to.value;
    about.reason = form.elements.reason.value.trim();
    about.owner = form.elements.owner.value.trim();
    about.span = about.to === usual(about.kind) ? "" : form.elements.span.value;
    sessionStorage.setItem(OWNER, about.owner);
  }

  function open(kind, name) {
    const current = currently(seen(), kind, name);
    const others = CHOICES[kind].map(([to]) => to).filter((to) => to !== current);
    about = { kind, name, was: current, to: others[0], reason: "", owner: sessionStorage.getItem(OWNER) ?? "", span: "", insist: false };
    choose();
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("input:checked")?.focus();
  }

  function choose() {
    const { kind, name, was } = about;
    const choices = CHOICES[kind].map(([to, means]) => e("label.choice", {},
      e("input", { type: "radio", name: "to", value: to, checked: to === about.to, disabled: to === was }),
      e("span", {}, e("strong", {}, to), to === was ? " (as it is now)" : "", e("br"), e("span.quiet", {}, means))));
    dialog.replaceChildren(e("form", { "data-step": "choose" },
      e("h2", { id: "dialog-title" }, `Switch ${kind} ${name}`),
      e("fieldset", {}, e("legend.unseen", {}, "To"), choices),
      e("div.fields", {},
        field("Why", e("input", { name: "reason", maxlength: 500, value: about.reason, placeholder: "told in status, logs and alarms", autocomplete: "off" })),
        field("By whom", e("input", { name: "owner", maxlength: 100, value: about.owner, autocomplete: "off" })),
        field("For how long", e("select", { name: "span" }, SPANS.map(([value, words]) => e("option", { value, selected: value === about.span }, words)))),
      ),
      buttons(e("button", { type: "button", "data-close": true }, "Cancel"), e("button.main", {}, "See what happens…")),
    ));
  }

  function confirm(problem) {
    const { kind, name, to } = about;
    const ends = about.span ? ` It ends by itself after ${SPANS.find(([value]) => value === about.span)[1]}.` : "";
    dialog.replaceChildren(e("form", { "data-step": "confirm" },
      e("h2", { id: "dialog-title" }, `Switch ${kind} ${name} to ${to}?`),
      e("ul.happens", {}, happens(seen(), about).map((words) => e("li", {}, words))),
      ends && e("p", {}, ends.trim()),
      e("div.refusal", { role: "alert" }, problem && [e("p.bad-text", {}, "✕ ", problem.words), problem.mayInsist && e("label.choice", {}, e("input", { type: "checkbox", name: "insist" }), e("span", {}, "I insist: do it although nobody is left to answer."))]),
      (!token.get() || problem?.wantsToken) && e("div.fields", {}, field("The edge's token", e("input", { name: "token", type: "password", required: true, autocomplete: "off" }), "Kept in this tab until it is closed, nowhere else.")),
      buttons(e("button", { type: "button", "data-back": true }, "Back"), e("button.main", { class: to === usual(kind) ? "" : "grave" }, `Switch ${name} to ${to}`)),
    ));
    dialog.querySelector("input, button.main")?.focus();
  }

  async function order(form) {
    const button = form.querySelector("button.main");
    button.disabled = true;
    const { kind, name, to, reason, owner, span, insist } = about;
    const change = { [kind]: name, to, insist };
    if (reason) change.reason = reason;
    if (owner) change.owner = owner;
    if (span) change.for = span;
    let problem;
    try {
      const response = await fetch("/switch", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...token.headers() },
        body: JSON.stringify(change),
      });
      const told = await response.json().catch(() => ({}));
      if (response.ok) return done(told);
      problem = { words: told.detail ?? `the edge answered ${response.status}`, wantsToken: response.status === 401, mayInsist: response.status === 409 };
      if (problem.wantsToken) {
        problem.words = "The edge does not know this token.";
        token.set("");
      }
    } catch {
      problem = { words: "The edge cannot be reached; whether it was switched is not known." };
    }
    if (about) confirm(problem);
  }

  function done(told) {
    const { name, to } = about;
    dialog.replaceChildren(e("form", { method: "dialog" },
      e("h2", { id: "dialog-title" }, `${name} is switched to ${to}`),
      e("p", { role: "status" }, `${upper(told.means ?? "it is done")}.`),
      told.beware && e("p.doubtful-text", {}, `${upper(told.beware)}.`),
      told.to_reconcile && e("p.doubtful-text", {}, `${upper(told.to_reconcile)}.`),
      told.not_kept && e("p.doubtful-text", {}, `It does not outlive this process: ${told.not_kept}.`),
      buttons(e("button.main", { type: "button", "data-close": true }, "Close")),
    ));
    dialog.querySelector("button").focus();
    changed();
  }

  function askForToken(words) {
    dialog.replaceChildren(e("form", { "data-step": "token" },
      e("h2", { id: "dialog-title" }, "The edge's token"),
      e("p", {}, words),
      e("div.fields", {}, field("Token", e("input", { name: "token", type: "password", autocomplete: "off" }), "Kept in this tab until it is closed, nowhere else.")),
      buttons(e("button", { type: "button", "data-close": true }, "Cancel"), e("button.main", {}, "Use it")),
    ));
    if (!dialog.open) dialog.showModal();
  }

  return { open, askForToken };
}

function field(words, input, hint) {
  return e("label.field", {}, e("span", {}, words), input, hint && e("span.quiet.small", {}, hint));
}

function buttons(...all) {
  return e("div.buttons", {}, all);
}

function currently(seen, kind, name) {
  const all = { origin: seen.origins, record: seen.records, distribution: seen.distributions }[kind] ?? [];
  return all.find((each) => each.id === name)?.switch?.to ?? usual(kind);
}

// What the order comes to, in sentences.
export function happens(seen, { kind, name, to }) {
  const means = CHOICES[kind].find(([word]) => word === to)[1];
  if (kind === "origin") return [upper(means), ...ofOrigin(seen, name, to)];
  if (kind === "record") return [upper(means), ...ofRecord(seen, name, to)];
  return [means];
}

function ofOrigin(seen, name, to) {
  const words = [];
  const stateOf = (id) => seen.origins?.find((origin) => origin.id === id)?.state;
  for (const distribution of seen.distributions ?? []) {
    for (const lane of distribution.lanes) {
      const members = membersOf(seen, lane).map((member) => member.origin);
      if (!members.includes(name)) continue;
      const what = `${upper(lane.does)} of ${distribution.id} (${list(lane.paths.slice(0, 3))}${lane.paths.length > 3 ? " and others" : ""})`;
      const others = members.filter((id) => id !== name);
      const next = others.find((id) => isWell(stateOf(id)));
      if (to === "ready") {
        words.push(`${what}: it may be asked again; it is number ${members.indexOf(name) + 1} of ${members.length}.`);
      } else if (to === "only") {
        const left = others.filter((id) => stateOf(id) !== "page");
        if (left.length > 0) words.push(`${what}: ${list(left)} ${left.length === 1 ? "is" : "are"} not asked any more.`);
      } else if (lane.answers !== name) {
        words.push(`${what}: ${lane.answers ?? "nobody"} goes on to answer; ${name} is not there to take over.`);
      } else if (next) {
        words.push(`${what}: ${name} answers them now; ${next} is the next in line that is well.`);
      } else if (to === "down") {
        words.push(`${what}: nobody else can answer them, so each fails until this is switched back.`);
      } else {
        words.push(`${what}: nobody else can answer them, so ${name} still does.`);
      }
    }
  }
  const isUsed = words.length > 0;
  return isUsed ? words : ["No distribution sends requests to it now."];
}

function ofRecord(seen, name, to) {
  const record = seen.records?.find((each) => each.id === name);
  if (!record || to === "auto") return [];
  const other = record[to];
  const { state, id } = seen.origins?.find((origin) => origin.id === other) ?? {};
  const ill = id && !isWell(state) && state !== "untried" ? [`${other} is ${state} now, and gets them all the same.`] : [];
  if (record.answers === other) return [`${other} stays where requests go.`, ...ill];
  return [
    `Requests that go to ${name}, writes among them, go to ${other} in place of ${record.answers} from the next one on.`,
    ...ill,
    `What was written at ${record.answers} and has not reached ${other} is not there: reconcile both sides.`,
  ];
}
