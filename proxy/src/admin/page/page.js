// The page: hears what the edge tells, keeps the latest of it, and shows it.

import { e, show } from "./elements.js";
import { lanes, origins } from "./lanes.js";
import { plots, pointing } from "./plots.js";
import { listen } from "./stream.js";
import { switching, token } from "./switch.js";
import { clock, counted, iso, ms, number, size, span } from "./words.js";

const SECONDS = 300;
const part = (id) => document.querySelector(`#${id} > .body`);

const seen = {}; // The parts of what was told, the latest of each.
let seconds = [];
let standing = { is: "connecting" };
let heardAt = null;
let answered = null; // Who answered what, as it was announced.

const switches = switching(document.getElementById("dialog"), () => seen, () => again());
const again = listen({
  authorization: token.headers,
  hears(news) {
    const { seconds: more, ...parts } = news;
    Object.assign(seen, parts);
    heardAt = Date.now();
    document.getElementById("main").hidden = false;
    if (more) {
      const latest = seconds.length ? seconds[seconds.length - 1].at : 0;
      seconds = [...seconds, ...more.filter((second) => second.at > latest)].slice(-SECONDS);
    }
    announce();
    paint();
  },
  stands(how) {
    const isNews = how.is !== standing.is || how.words !== standing.words;
    standing = how;
    if (isNews || how.is === "lost") connection();
  },
});

pointing(part("plots"));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-switch]");
  if (button) switches.open(button.dataset.switch, button.dataset.name);
  if (event.target.closest("[data-token]")) switches.askForToken("It is needed to switch something, and to look where others than this machine reach the admin listener.");
  if (event.target.closest("[data-forget]")) {
    token.set("");
    paint();
  }
  if (event.target.closest("[data-again]")) again();
});
document.addEventListener("visibilitychange", () => !document.hidden && heardAt !== null && paint());
setInterval(() => standing.is === "lost" && connection(), 1000);

function paint() {
  if (document.hidden) return;
  top();
  inForce();
  show(part("lanes"), lanes(seen));
  plots(part("plots"), seconds);
  show(part("origins"), origins(seen));
  show(part("falls"), falls());
  show(part("events"), events());
}

function top() {
  const lately = seen.lately ?? {};
  const tab = seen.distributions?.flatMap((each) => each.lanes).some((lane) => lane.answers === null) ? "✕ Tideover" : "Tideover";
  if (document.title !== tab) document.title = tab;
  show(document.getElementById("top"),
    e("h1", {}, "Tideover"),
    e("p.facts", {},
      e("span", {}, `${seen.version}, ${seen.mode}`),
      e("span", {}, `up ${span(seen.up_s)}`),
      e("span", { class: seen.ready ? "" : "bad-text" }, seen.draining ? "✕ draining" : seen.ready ? "ready" : "✕ not ready"),
      seen.cache && e("span.cache", {}, "cache ", e("strong", {}, size(seen.cache.bytes)), ` of ${size(seen.cache.limit_bytes)}, ${number(seen.cache.entries)} kept`),
      e("span", {}, lately.span_s > 0 ? `last ${span(lately.span_s)}: ` : "so far: ", e("strong", {}, number(lately.requests ?? 0)), " requests, ",
        e("strong", {}, number(lately.fell_through ?? 0)), " fell through, ",
        e("strong", { class: lately.lost ? "bad-text" : "" }, number(lately.lost ?? 0)), " lost"),
    ),
    token.get() ? e("button.quiet-button", { type: "button", "data-forget": true }, "Forget token") : e("button.quiet-button", { type: "button", "data-token": true }, "Token…"),
    e("span.live", {}, e("span.sign", { "aria-hidden": "true" }, standing.is === "live" ? "●" : "○"), standing.is === "live" ? " live" : " not live"),
  );
}

function connection() {
  const lost = standing.is !== "live" && standing.is !== "connecting";
  document.body.classList.toggle("stale", lost);
  const from = heardAt ? ` What is shown is from ${clock(heardAt)}.` : "";
  const left = Math.max(0, Math.ceil((standing.until - Date.now()) / 1000));
  show(document.getElementById("connection"),
    standing.is === "connecting" && heardAt === null && e("p.notice", {}, "Connecting to the edge…"),
    standing.is === "lost" && e("p.notice.bad", {}, e("strong", {}, "✕ Not connected: "), `${standing.words}.${from} `, e("span", { "aria-hidden": "true" }, left > 0 ? `Trying again in ${left} s. ` : "Trying… "), e("button.quiet-button", { type: "button", "data-again": true }, "Try now")),
    standing.is === "token" && e("p.notice.doubtful", {}, e("strong", {}, "The edge wants its token"), " from whoever looks at it from elsewhere. ", e("button.quiet-button", { type: "button", "data-token": true }, "Give it…")),
    standing.is === "refused" && e("p.notice.bad", {}, e("strong", {}, "✕ The edge refuses: "), `${standing.words}. `, e("button.quiet-button", { type: "button", "data-again": true }, "Try again")),
  );
  if (heardAt !== null) top();
}

// For who hears the page and does not see it.
function announce() {
  const now = new Map();
  for (const distribution of seen.distributions ?? []) {
    for (const lane of distribution.lanes) now.set(`${lane.does} of ${distribution.id}, ${lane.target}`, lane.answers ?? "nobody");
  }
  if (answered !== null) {
    const moved = [...now].filter(([what, who]) => answered.has(what) && answered.get(what) !== who);
    if (moved.length > 0) document.getElementById("news").textContent = moved.map(([what, who]) => `${what}: ${who} answers now.`).join(" ");
  }
  answered = now;
}

function inForce() {
  const section = document.getElementById("switches");
  const all = seen.switches ?? [];
  section.hidden = all.length === 0;
  show(section, e("h2", {}, "Switches in force"), e("div.body", {}, all.map((one) => {
    const kind = ["origin", "record", "distribution"].find((kind) => one[kind] !== undefined);
    return e("div.in-force", { "data-key": `${kind} ${one[kind]}` },
      e("p", {}, e("strong", {}, `▽ ${kind} ${one[kind]} is switched to ${one.to}`),
        ` for ${span(seen.now - one.since)}`, one.owner && ` by ${one.owner}`, one.reason && `: ${one.reason}`,
        e("span.quiet", {}, one.ends_in_s === null ? ". Until it is switched back." : `. Ends by itself in ${span(one.ends_in_s)}.`)),
      e("button.quiet-button", { type: "button", "data-switch": kind, "data-name": one[kind], "aria-label": `Switch ${one[kind]} back` }, "Switch back…"));
  })));
}

function falls() {
  const rows = seen.falls ?? [];
  if (rows.length === 0) return e("p.empty", {}, "No request has fallen through since this edge began.");
  return rows.map((fall) => {
    const by = fall.attempts[fall.delivered];
    const key = [fall.distribution, fall.target, fall.status, fall.delivered, ...fall.attempts.map((each) => each.origin + each.words)].join("|");
    return e("details.fall", { "data-key": key },
      e("summary", {},
        e("time", { datetime: iso(fall.at) }, clock(fall.at)),
        e("span.times", {}, fall.times > 1 ? `${number(fall.times)} ×` : ""),
        e("span.request", {}, e("span.method", {}, fall.method), " ", e("code", {}, fall.path)),
        e("span.outcome", { class: fall.status >= 500 ? "bad-text" : "" }, `${fall.status} by ${by?.origin ?? "the edge"}`),
        e("span.took", {}, ms(fall.ms)),
        e("span.why", {}, fall.attempts.filter((_, index) => index !== fall.delivered).map((each) => `${each.origin} ${each.words}`).filter((words, index, all) => all.indexOf(words) === index).join("; ")),
      ),
      e("div.attempts", {},
        e("p.quiet.small", {}, `${fall.distribution ?? "no distribution"}, ${fall.target}; request ${fall.id}`,
          fall.times > 1 ? `; ${counted(fall.times, "request")} like this told since ${clock(fall.first)}, this is the latest` : ""),
        e("ol", {}, fall.attempts.map((each, index) => e("li", { class: index === fall.delivered ? "delivered" : "" },
          e("strong", {}, each.origin), ` ${each.words}`, each.asked ? ` after ${ms(each.ms)}` : "", index === fall.delivered ? e("span.quiet", {}, fall.status >= 500 ? ": this is what the viewer heard of" : ": the viewer got this") : "")))),
    );
  });
}

function events() {
  const told = seen.events ?? [];
  if (told.length === 0) return e("p.empty", {}, "Nothing has happened yet that an operator has to know of.");
  return e("ul.events", {}, told.map((event) => e("li", { class: event.level > 0 ? "amiss" : "", "data-key": `${event.at} ${event.words}` },
    e("time", { datetime: iso(event.at) }, clock(event.at)),
    e("span.sign", { class: event.level > 0 ? "bad-text" : "good-text", title: event.level > 0 ? "amiss" : "well" }, event.level > 0 ? "▲" : "●"),
    e("span", {}, event.words))));
}
